"""What many hypotheses say together: sizes, cards, contours, lesions."""
