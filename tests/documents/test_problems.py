"""What is wrong with a field, whatever stands in it."""

from napari_ssn.documents.problems import what_is_wrong


def test_words_that_repeat_a_value_have_an_end() -> None:
    problem = {"loc": ("a",), "type": "value_error", "ctx": {"error": "[" * 10_000 + "\n"}}
    place, words = what_is_wrong([problem])
    assert place == "a" and len(words) <= 160 and words.endswith("…") and "\n" not in words
