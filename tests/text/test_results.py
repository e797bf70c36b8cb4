"""Names and lines that tell results apart."""

from __future__ import annotations

import pytest

from napari_ssn.text.results import breakable, file_name, shortened

DIGEST = "4f2a91"


@pytest.mark.parametrize(
    ("image", "place", "what", "amount", "name"),
    [
        (
            "CT thorax lung · 2020-01-02 · 512 × 512 × 36",
            (18, 120, 88),
            "Card 2, boundary moved",
            "1.42 mL",
            "CT-thorax-lung-2020-01-02-512x512x36_4f2a_at-18-120-88_Card-2-boundary-moved_1.42mL",
        ),
        (None, None, "Mean", None, "image_4f2a_Mean"),
        ("Vor der Therapie: ../é", None, "hypotheses", None, "Vor-der-Therapie-é_4f2a_hypotheses"),
        ("Image 40 × 48", (1, 2), "Member 3", "82 mm²", "Image-40x48_4f2a_at-1-2_Member-3_82mm²"),
        ("a" * 90, None, "report", None, f"{'a' * 40}_4f2a_report"),
        ("...", None, "mean", "", "4f2a_mean"),
    ],
)
def test_a_file_is_called_by_image_place_and_hypothesis(
    image: str | None, place: tuple[int, ...] | None, what: str, amount: str | None, name: str
) -> None:
    assert file_name(image, DIGEST, place, what, amount) == name


def test_long_names_go_on_in_the_next_line() -> None:
    long = "CT-thorax_4f2a_at-18-120-88_mean.nii.gz"
    assert breakable(f"Wrote {long}.").replace("\u200b", "") == f"Wrote {long}."
    assert max(map(len, breakable(f"Wrote {long}.").replace("\u200b", " ").split())) < 14
    assert shortened(f"Wrote {long}.") == f"Wrote {long[:16]}…{f'{long}.'[-15:]}"
    assert shortened("Wrote hypothesis.nii.gz and its .json.") == (
        "Wrote hypothesis.nii.gz and its .json."
    )
    assert breakable("Wrote hypothesis.nii.gz and hypothesis.json.").isascii()
