"""What a card says of the data and the weights that a model comes from.

A recipe's card tells of the data that the recipe was written for, and a model may be trained by it
on other data, or go on from weights that others have rights in. What is then said of data, limits
and licences is of what the model was made from.
"""

from __future__ import annotations

from napari_ssn.documents.card import ModelCard, Training, read_card
from napari_ssn.network.others.start import Start
from napari_ssn.network.places import find_model
from napari_ssn.text import training as words


def of_other_data(card: ModelCard, data: ModelCard, count: int) -> ModelCard:
    """A recipe's card for other data than that whose sha256 the recipe states.

    The name, too, is that of the data's card: what others trained is no shipped model.

    Args:
        card: of the recipe.
        data: what the data itself says, see `design.design`.
        count: of its images.
    """
    said = words.other_images(count, f"{card.name} {card.version}")
    training = Training(
        data=said, licence=data.training.licence, attribution=data.training.attribution
    )
    told = {key: getattr(data, key) for key in ("name", "title", "version", "limits", "licence")}
    return card.model_copy(update={**told, "training": training})


def gone_on_from(card: ModelCard, start: str | Start | None) -> ModelCard:
    """A card that names the weights a model goes on from, and who has rights in them.

    Weights from the same data, by their attribution, are not told of.

    Args:
        card: of recipe and data.
        start: a model, a network of others, or nothing.

    Raises:
        ModelError: there is no such model, or its card is invalid.
    """
    if start is None:
        return card
    if isinstance(start, Start):
        return _told(card, words.from_weights(start.kind, start.sums[0]), start.kind, "", "")
    theirs = read_card(find_model(start))
    whose, made = f"{theirs.name} {theirs.version}", theirs.training
    if made.attribution != words.UNSTATED and made.attribution in card.training.attribution:
        return card
    whence = words.from_model(whose, made.data)
    return _told(card, whence, whose, theirs.licence, made.attribution)


def _told(card: ModelCard, whence: str, whose: str, licence: str, attribution: str) -> ModelCard:
    """A card with what is added of weights; the same where it says so already."""
    training = card.training
    if whence in training.data:
        return card
    added = {
        "data": training.data + whence,
        "licence": words.both_of(training.licence, licence),
        "attribution": words.both_of(training.attribution, attribution),
    }
    limits = list(dict.fromkeys([*card.limits, words.limits_of(whose)]))
    return card.model_copy(
        update={
            "training": training.model_copy(update=added),
            "licence": words.both_of(card.licence, licence),
            "limits": limits,
        }
    )
