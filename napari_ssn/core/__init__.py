"""The mathematics: distributions over label maps, their directions and measures."""
