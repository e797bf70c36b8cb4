# Works with GNU make 3.81 and later (Debian's and macOS's).

PYTHON ?= python3
# Quiet, errors aside. `make env PIP_FLAGS=` shows every step.
PIP_FLAGS ?= -qq
BIN := .venv/bin

# Qt draws on a virtual screen where there is none; macOS and Wayland have their own.
ifeq ($(shell uname -s),Linux)
VIRTUAL_SCREEN := xvfb-run -a -s "-screen 0 1600x1200x24"
WIDE_SCREEN := xvfb-run -a -s "-screen 0 1920x1200x24"
ifeq ($(DISPLAY)$(WAYLAND_DISPLAY),)
ON_SCREEN := $(VIRTUAL_SCREEN)
HEADLESS ?= 1
endif
endif

# Where Python may not keep what it compiled, each process of the tests compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env test quick coverage matrix check core-test wheel-test monkey walk kill demo demo-ct findings bench fuzz gpu pictures models commands docs notebooks nnunet clean system-libs

help:
	@echo "make env         environment in .venv (once, and after a change of what it holds)"
	@echo "make demo        open the window with an example, or with HEADLESS=1 write pictures to demo/"
	@echo "make demo-ct     the same with a chest CT of yours: make demo-ct CT=FOLDER_OR_ZIP CENTRE=I,J,K"
	@echo "make test        every test"
	@echo "make quick       lint, and tests that take no time: make quick ARGS=tests/gui/test_fold.py for more"
	@echo "make coverage    every test, and what of the package none of them reaches"
	@echo "make matrix      kernels, PySide6 and lowest versions: LEGS=\"haswell pyside6\" for some"
	@echo "make check       lint, format, types and import contracts"
	@echo "make core-test   the tests of core/ and geometry/ in an environment without napari and Qt"
	@echo "make wheel-test  build wheel and sdist, install the wheel elsewhere and use it there"
	@echo "make monkey      half an hour of random presses in the window; MINUTES=5 SEED=1 for others"
	@echo "make walk        from an empty window to a file by mouse and keys, with pictures: CT=PATH for one of yours too"
	@echo "make kill        processes killed while they segment, export and train, 100 times each"
	@echo "make bench       the benchmarks"
	@echo "make findings    shows surprises of other programs and formats"
	@echo "make gpu         tests, benchmarks and training on a GPU: make gpu OUT=FOLDER DATA=FOLDER"
	@echo "make fuzz        10,000 damaged files of every kind that is read"
	@echo "make pictures    the pictures of README and docs/"
	@echo "make nnunet      nnU-Net's own model and predictions for the tests: make nnunet DATA=FOLDER"
	@echo "make models      docs/models.md, from the models' cards and what was measured"
	@echo "make commands    docs/commands.md, from the commands themselves"
	@echo "make docs        a site of README, docs/ and the docstrings, in site/"
	@echo "make notebooks   runs docs/notebooks/ anew and keeps what they show"
	@echo "make clean       remove environments, builds and caches"

system-libs:
	@HEADLESS=$(HEADLESS) TESTS=$(TESTS) bash .ci/system-libs

# $(call new-venv,FOLDER)
define new-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "napari-ssn needs Python 3.11 or newer, and $(PYTHON) is not: name one, as in: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	rm -rf $(1)
	$(PYTHON) -m venv $(1)
endef

env: .venv/.installed

$(BIN)/python:
	$(call new-venv,.venv)

.venv/.installed: pyproject.toml constraints.txt hatch_build.py | $(BIN)/python
	@echo "Installing napari-ssn and what it needs into .venv; the first time this takes some minutes."
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[all,dicom,itk,zarr,onnx,train,cohort,parquet,server,test,dev]'
	@# Its U-Nets need torch alone; what else it asks for is for networks that are not run here.
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt --no-deps dynamic-network-architectures
	@touch $@

# One process more than there are processors shares the tests, five at most, as some of them wait for
# other processes or for a time to pass. Each has one thread and, on Linux, a screen of its own.
# JOBS=0 runs them in one process.
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); echo $$((n > 4 ? 5 : n + 1)))
test: TESTS := 1
test: system-libs env
	OMP_NUM_THREADS=1 $(ON_SCREEN) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

# What an edit breaks first, while one is at it; ARGS names the tests of what one edits.
quick: system-libs env
	$(BIN)/ruff check .
	OMP_NUM_THREADS=1 $(ON_SCREEN) $(BIN)/python -m pytest -q -x -n $(JOBS) --dist worksteal \
	  tests/geometry tests/documents tests/text tests/whole/test_structure.py $(ARGS)

coverage:
	@$(MAKE) test ARGS="--cov --cov-report=term:skip-covered --cov-report=html $(ARGS)"

matrix: TESTS := 1
matrix: system-libs env
	JOBS=$(JOBS) bash .ci/matrix $(LEGS)

check: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

demo: system-libs env
ifneq ($(HEADLESS),)
	$(VIRTUAL_SCREEN) $(BIN)/napari-ssn demo --headless --out demo
else
	$(BIN)/napari-ssn demo
endif

# The CT is not part of the project. The default centre is that of the nodule in the series that
# docs/chest-ct.md shows.
CENTRE ?= 180,285,18
demo-ct: system-libs env
	@test -n "$(CT)" || { echo "Name a CT: make demo-ct CT=path/to/series.zip CENTRE=i,j,k" >&2; exit 2; }
ifneq ($(HEADLESS),)
	$(VIRTUAL_SCREEN) $(BIN)/napari-ssn demo --headless --out demo-ct --image "$(CT)" --centre "$(CENTRE)"
else
	$(BIN)/napari-ssn demo --image "$(CT)"
endif

# The first hundreds of them are a test of `make test`.
MINUTES ?= 30
SEED ?= 0
monkey: system-libs env
	MONKEY_SECONDS=$$(($(MINUTES) * 60)) MONKEY_SEED=$(SEED) $(ON_SCREEN) $(BIN)/python -m pytest -s tests/gui/test_monkey.py $(ARGS)

# Pictures of each step in every size and theme; one walk without is a test.
WALK ?= build/walk
walk: system-libs env
	$(WIDE_SCREEN) $(BIN)/python -m tests.support.walked $(WALK) $(if $(CT),--ct "$(CT)") $(ARGS)

# A hundred of each; two of each are a test.
kill: env
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.support.killing $(ARGS)

bench: system-libs env
	$(ON_SCREEN) $(BIN)/python -m benchmarks.run $(ARGS)

# Needs nothing but a Python with torch, the data (train.zip and val.zip with their tables, or parts
# of them by benchmarks/gpu/pack.py) and, for what that Python lacks, WHEELS: a folder of wheels.
MINUTES ?= 12
DEVICE ?= cuda
START ?= lidc-2d
GPU_NEEDS := lightning-fabric monai nibabel numpy pillow platformdirs psutil psygnal pydantic \
  pynrrd pytest pytest-timeout rich safetensors scipy typer
gpu:
	@test -n "$(OUT)" -a -n "$(DATA)" || { echo "Name two folders: make gpu OUT=found DATA=data" >&2; exit 2; }
	@$(PYTHON) -c 'import torch' || { echo "This Python has no torch: name one that has, as in: make gpu PYTHON=…" >&2; exit 1; }
ifneq ($(WHEELS),)
	$(PYTHON) -m pip install $(PIP_FLAGS) --no-index --find-links "$(WHEELS)" --target build/gpu-packages --no-deps "$(WHEELS)"/*.whl
endif
	@PYTHONPATH="$(CURDIR):$(CURDIR)/build/gpu-packages" $(PYTHON) -c 'from importlib.util import find_spec as f; lack = [p for p in "$(GPU_NEEDS)".split() if not f({"lightning-fabric": "lightning_fabric", "pillow": "PIL", "pynrrd": "nrrd", "pytest-timeout": "pytest_timeout"}.get(p, p))]; assert not lack, "put wheels of these into WHEELS: " + " ".join(lack)'
	@if ls "$(DATA)"/*.part1.zip >/dev/null 2>&1; then PYTHONPATH="$(CURDIR):$(CURDIR)/build/gpu-packages" $(PYTHON) benchmarks/gpu/pack.py join "$(DATA)"; fi
	PYTHONPATH="$(CURDIR):$(CURDIR)/build/gpu-packages" $(PYTHON) -m benchmarks.gpu --out "$(OUT)" --data "$(DATA)" \
	  --minutes $(MINUTES) --start "$(START)" --device $(DEVICE) $(ARGS)

# The pictures of README and docs/, taken of the real window.
pictures: system-libs env
	$(VIRTUAL_SCREEN) $(BIN)/python docs/pictures.py
ifneq ($(CT),)
	$(VIRTUAL_SCREEN) $(BIN)/python docs/pictures.py "$(CT)"
endif

# Surprises of other programs, each in an environment of its own; the network is needed.
findings:
	@for script in findings/*.sh; do echo "== $$script"; bash "$$script" || exit 1; done

# Damaged files of every kind that is read: none may end in another program's words, or take seconds.
fuzz: env
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.support.fuzz $(ARGS)

# nnU-Net's own model and predictions, which tests compare with: some minutes, in an environment of
# its own, and the network is needed. DATA is the Decathlon's hippocampi with splits.json.
nnunet:
	@test -n "$(DATA)" || { echo "Name the hippocampi: make nnunet DATA=folder" >&2; exit 2; }
	$(call new-venv,.venv-nnunet)
	.venv-nnunet/bin/python -m pip install $(PIP_FLAGS) "nnunetv2==2.8.1"
	.venv-nnunet/bin/python tests/support/nnunets.py "$(DATA)"

models: env
	$(BIN)/python docs/models.py

commands: env
	$(BIN)/python docs/commands.py

# The package is read, not imported, so that nothing else is installed there. A link or name that
# leads nowhere fails. The variable keeps mkdocs-material's word on its successor out of the output.
docs: .venv-docs/.installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict

.venv-docs/.installed: pyproject.toml constraints.txt
	$(call new-venv,.venv-docs)
	.venv-docs/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt "mkdocs<2" mkdocs-material "mkdocstrings[python]" ruff
	@touch $@

notebooks: env
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[notebooks]'
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/run_notebooks.py

# What core/ may need, and nothing else of what .venv has.
core-test: .venv-core/.installed
	.venv-core/bin/python -c 'from importlib.util import find_spec as f; found = [n for n in ("napari", "qtpy", "monai") if f(n)]; assert not found, found'
	OMP_NUM_THREADS=1 .venv-core/bin/python -m pytest -n $(JOBS) --dist worksteal tests/core tests/geometry $(ARGS)

.venv-core/.installed: .venv/.installed .ci/carve.py
	$(BIN)/python .ci/carve.py .venv .venv-core torch numpy scipy scikit-image psutil pytest pytest-timeout pytest-xdist hypothesis
	@touch $@

# Every step after the install runs outside the checkout: what passes there is what the wheel holds.
# The environment is made of what the wheel says that it needs; that nothing else is needed, and
# that the versions will do, is pip's to say, and it would fetch what is missing.
wheel-test: system-libs env
	rm -rf dist
	$(BIN)/python -m build --sdist --wheel --outdir dist .
	$(BIN)/python -m pip wheel $(PIP_FLAGS) --no-deps --wheel-dir dist/from-sdist dist/*.tar.gz
	$(BIN)/python -c 'import glob, zipfile; a, b = ({i.filename: i.CRC for i in zipfile.ZipFile(glob.glob(p)[0]).infolist()} for p in ("dist/*.whl", "dist/from-sdist/*.whl")); assert a == b, set(a.items()) ^ set(b.items()); assert "napari_ssn/napari.yaml" in a'
	$(BIN)/python .ci/carve.py .venv .venv-wheel "$$(echo dist/from-sdist/*.whl)[all]"
	.venv-wheel/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt "$$(echo dist/from-sdist/*.whl)[all]"
	.venv-wheel/bin/python -m pip check
	outside=$$(mktemp -d) && trap 'rm -rf "$$outside"' EXIT && cd "$$outside" && bin="$(CURDIR)/.venv-wheel/bin" && \
	  "$$bin/python" -m npe2 validate napari-ssn --imports && \
	  "$$bin/napari-ssn" models && \
	  "$$bin/python" -c "import napari_ssn as s; print(s.load_model('lidc-2d'))" && \
	  $(ON_SCREEN) "$$bin/python" -c "import napari; v = napari.Viewer(show=False); v.window.add_plugin_dock_widget('napari-ssn', 'SSN hypotheses'); v.close(); print('the dock opens')"

clean:
	rm -rf .venv .venv-core .venv-wheel .venv-docs .venv-nnunet .venv-pyside6 .venv-lowest build dist site demo demo-ct htmlcov .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -f napari_ssn/napari.yaml
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
