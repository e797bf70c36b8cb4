"""``python -m napari_ssn``, which torchrun can start too."""

from napari_ssn.cli.app import main

if __name__ == "__main__":
    main()
