import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.hooks.saving import write_labels
from napari_ssn.io import source
from napari_ssn.io.content import Content
from napari_ssn.io.formats import about
from napari_ssn.io.nifti import read_nifti
from napari_ssn.io.nifti_write import encode
from tests.support.helpers import noise_image, oblique_affine

SPACE = (5, 4, 3)
ATOL_MM = 1e-6
# A name as hospitals give them: it must appear in no message.
NAME = "DOE_JANE_19700101"


def save(path: Path, data: np.ndarray, affine: np.ndarray | None = None, kind=None, **fields):
    image = (kind or nib.Nifti1Image)(data, oblique_affine() if affine is None else affine)
    for key, value in fields.items():
        image.header[key] = value
    nib.save(image, path)
    return path


def map_of(affine: np.ndarray, space: tuple[int, ...] = SPACE) -> Hypothesis:
    labels = (np.arange(np.prod(space)) % 3).astype(np.uint8).reshape(space)
    return Hypothesis(labels, affine, np.zeros(2), classes=3)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("space", [SPACE, (5, 4), (5, 4, 1), (1, 4, 5)])
def test_reads_values_and_affine_as_nibabel_does(
    tmp_path: Path, space: tuple[int, ...], kind: type, suffix: str
) -> None:
    path = save(tmp_path / f"a{suffix}", noise_image(space), kind=kind)
    volume = ssn.read(path)
    twin = nib.load(path)
    assert volume.space == space and volume.channels == 1
    np.testing.assert_array_equal(volume.data[0], twin.get_fdata(dtype=np.float32))
    np.testing.assert_allclose(volume.affine, twin.affine, rtol=0, atol=ATOL_MM)
    assert volume.data.dtype == np.float32 and volume.data.flags.c_contiguous
    assert volume.extent == "volume" and volume.oriented


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_reads_every_kind_of_number_in_either_byte_order(
    tmp_path: Path, dtype: str, order: str
) -> None:
    data = np.arange(60).reshape(SPACE).astype(dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(np.dtype(dtype))
    nib.save(nib.Nifti1Image(data, oblique_affine(), header), tmp_path / "a.nii.gz")
    volume = ssn.read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.data[0], data.astype(np.float32))
    assert volume.data.dtype.isnative


def test_applies_slope_and_intercept(tmp_path: Path) -> None:
    data = np.arange(60, dtype=np.int16).reshape(SPACE)
    image = nib.Nifti1Image(data, oblique_affine())
    image.header.set_slope_inter(2.5, -1024)
    nib.save(image, tmp_path / "a.nii.gz")
    # nibabel writes the numbers so that they come back as they were: set the header by hand.
    raw = bytearray(gzip.decompress((tmp_path / "a.nii.gz").read_bytes()))
    raw[112:120] = struct.pack("<ff", 2.5, -1024)
    stored = np.frombuffer(raw, "<i2", 60, 352).reshape(SPACE, order="F")
    (tmp_path / "b.nii").write_bytes(raw)
    volume = ssn.read(tmp_path / "b.nii")
    np.testing.assert_array_equal(volume.data[0], (stored * 2.5 - 1024).astype(np.float32))


@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    spacing=st.tuples(*[st.floats(0.2, 8)] * 3),
    origin=st.tuples(*[st.floats(-300, 300)] * 3),
    use_qform=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_place_of_every_voxel_survives(tmp_path_factory, angles, spacing, origin, use_qform):
    affine = oblique_affine(spacing, angles, origin)
    folder = tmp_path_factory.mktemp("affine")
    image = nib.Nifti1Image(noise_image(SPACE), None)
    (image.set_qform if use_qform else image.set_sform)(affine, code=1)
    nib.save(image, folder / "in.nii.gz")
    volume = ssn.read(folder / "in.nii.gz")
    np.testing.assert_allclose(
        volume.affine, nib.load(folder / "in.nii.gz").affine, rtol=0, atol=ATOL_MM
    )
    np.testing.assert_allclose(volume.spacing_mm, spacing, rtol=1e-5)
    ssn.write(map_of(volume.affine), folder / "out.nii.gz")
    again = nib.load(folder / "out.nii.gz")
    np.testing.assert_allclose(again.affine, volume.affine, rtol=0, atol=ATOL_MM)
    np.testing.assert_allclose(again.header.get_qform(), affine, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("code", "factor"), [("meter", 1e3), ("mm", 1), ("micron", 1e-3)])
def test_other_units_become_millimetres(tmp_path: Path, code: str, factor: float) -> None:
    image = nib.Nifti1Image(noise_image(SPACE), oblique_affine())
    image.header.set_xyzt_units(code, "sec")
    nib.save(image, tmp_path / "a.nii.gz")
    expected = np.diag([factor] * 3 + [1]) @ nib.load(tmp_path / "a.nii.gz").affine
    np.testing.assert_allclose(
        ssn.read(tmp_path / "a.nii.gz").affine, expected, rtol=0, atol=ATOL_MM
    )


@pytest.mark.parametrize("code", [0, 5, 7])
def test_unknown_units_count_as_millimetres(tmp_path: Path, code: int) -> None:
    save(tmp_path / "a.nii.gz", noise_image(SPACE), xyzt_units=code)
    volume = ssn.read(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(volume.spacing_mm, (0.7, 1.3, 2.5), rtol=1e-6)


def test_without_a_transform_the_patients_axes_are_unknown(tmp_path: Path) -> None:
    image = nib.Nifti1Image(noise_image(SPACE), None)
    image.header.set_zooms((0.7, 0.8, 2.5))
    nib.save(image, tmp_path / "a.nii.gz")
    volume = ssn.read(tmp_path / "a.nii.gz")
    assert not volume.oriented and volume.extent == "volume"
    np.testing.assert_allclose(volume.spacing_mm, (0.7, 0.8, 2.5), rtol=1e-6)
    np.testing.assert_allclose(volume.affine, nib.load(tmp_path / "a.nii.gz").affine)


def test_the_thickness_of_a_single_slice_may_be_unknown(tmp_path: Path) -> None:
    image = nib.Nifti1Image(noise_image((5, 4)), None)
    image.header.set_zooms((0.7, 0.8))
    nib.save(image, tmp_path / "a.nii.gz")
    volume = ssn.read(tmp_path / "a.nii.gz")
    assert volume.extent == "plane" and not volume.oriented
    np.testing.assert_allclose(volume.spacing_mm, (0.7, 0.8), rtol=1e-6)
    np.testing.assert_allclose(volume.affine[:3, 2], (0, 0, 1), atol=1e-12)


def test_a_single_slice_without_a_third_column_is_a_plane(tmp_path: Path) -> None:
    affine = oblique_affine()
    path = save(tmp_path / "a.nii", noise_image((5, 4)), affine)
    raw = bytearray(path.read_bytes())
    for row in range(3):  # srow_x, srow_y, srow_z: the third number of each
        raw[280 + 16 * row + 8 : 280 + 16 * row + 12] = struct.pack("<f", 0)
    path.write_bytes(raw)
    volume = ssn.read(path)
    assert volume.extent == "plane" and volume.oriented
    upright = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    np.testing.assert_allclose(volume.affine[:3, 2], upright, atol=ATOL_MM)


def test_two_compressed_parts_behind_each_other_are_one_file(tmp_path: Path) -> None:
    """What ``cat`` and parallel packers make; the second part begins in a voxel's middle."""
    whole, at = good(), 352 + 7
    (tmp_path / "a.nii").write_bytes(whole)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(whole[:at]) + gzip.compress(whole[at:]))
    one, two = ssn.read(tmp_path / "a.nii"), ssn.read(tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(one.data, two.data)


@pytest.mark.parametrize(
    ("shape", "space"), [((5, 4, 3, 1), SPACE), ((5, 4, 3, 1, 1), SPACE), ((5, 4, 1, 1), (5, 4, 1))]
)
def test_trailing_axes_of_one_voxel_are_dropped(tmp_path: Path, shape, space) -> None:
    data = noise_image(shape)
    volume = ssn.read(save(tmp_path / "a.nii.gz", data))
    assert volume.space == space
    np.testing.assert_array_equal(volume.data[0], data.reshape(space))


def test_nan_and_infinity_are_kept(tmp_path: Path) -> None:
    data = noise_image(SPACE)
    data[0, 0, 0], data[1, 1, 1] = np.nan, np.inf
    volume = ssn.read(save(tmp_path / "a.nii.gz", data))
    assert np.isnan(volume.data[0, 0, 0, 0]) and np.isinf(volume.data[0, 1, 1, 1])


def test_a_file_that_is_compressed_against_its_name_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", noise_image(SPACE))
    path.rename(tmp_path / "a.nii.gz")
    assert ssn.read(tmp_path / "a.nii.gz").space == SPACE
    (tmp_path / "b.nii").write_bytes(gzip.compress((tmp_path / "a.nii.gz").read_bytes()))
    assert ssn.read(tmp_path / "b.nii").space == SPACE


def good() -> bytes:
    return nib.Nifti1Image(noise_image((9, 8, 7)), oblique_affine()).to_bytes()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


def with_header(offset: int, form: str, *values: float) -> bytes:
    content = struct.pack(form, *values)
    raw = good()
    return raw[:offset] + content + raw[offset + len(content) :]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "damaged or no NIfTI", id="empty"),
        pytest.param(b"patient;age\n1;70\n" * 40, "damaged or no NIfTI", id="text"),
        pytest.param(good()[:200], "damaged or no NIfTI", id="half a header"),
        pytest.param(good()[:-100], "cut off", id="cut off"),
        pytest.param(gzip.compress(good())[:-300], "cut off", id="compressed, cut off"),
        pytest.param(flipped(gzip.compress(good()), 900), "damaged", id="compressed, a flip"),
        pytest.param(b"\x1f\x8b" + b"nonsense" * 9, "damaged", id="compressed nonsense"),
        pytest.param(with_header(42, "<3h", -9, 8, 7), "damaged", id="negative size"),
        pytest.param(with_header(42, "<3h", 32767, 32767, 32767), "cut off", id="huge"),
        pytest.param(with_header(42, "<3h", 0, 8, 7), "no voxels", id="no voxels"),
        pytest.param(with_header(70, "<h", 9999), "damaged", id="unknown kind of number"),
        pytest.param(with_header(70, "<h", 1), "holds single bits", id="single bits"),
        pytest.param(with_header(108, "<f", np.nan), "damaged", id="offset not a number"),
        pytest.param(with_header(108, "<f", -5e9), "damaged", id="negative offset"),
        pytest.param(with_header(112, "<ff", 1, np.inf), "damaged", id="infinite offset of values"),
        pytest.param(with_header(344, "<4s", b"abcd"), "damaged", id="no magic"),
    ],
)
def test_damage_is_one_sentence_without_the_files_name(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / f"{NAME}.nii.gz"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=words) as caught:
        ssn.read(path)
    check_sentence(caught.value, tmp_path)


def check_sentence(error: BaseException, folder: Path) -> None:
    text = str(error)
    assert NAME not in text and str(folder) not in text
    assert text.endswith(".") and "\n" not in text
    # Nor may a logged traceback show it.
    assert error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        pytest.param(noise_image((5, 4, 3, 7)), GeometryError, "5 × 4 × 3 × 7", id="series"),
        pytest.param(noise_image((5, 4, 3, 1, 3)), GeometryError, "channels", id="vectors"),
        pytest.param(noise_image((5,)), GeometryError, "one axis", id="one axis"),
        pytest.param(np.zeros(SPACE, np.complex64), ImageError, "complex", id="complex"),
        pytest.param(
            np.zeros(SPACE, [("R", "u1"), ("G", "u1"), ("B", "u1")]),
            ImageError,
            "colours",
            id="RGB",
        ),
    ],
)
def test_what_is_no_grey_image_is_refused(tmp_path: Path, data, error, words: str) -> None:
    path = save(tmp_path / f"{NAME}.nii.gz", data)
    with pytest.raises(error, match=words) as caught:
        ssn.read(path)
    check_sentence(caught.value, tmp_path)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_an_affine_that_cannot_be_used_is_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / f"{NAME}.nii"
    path.write_bytes(with_header(280, "<12f", *[value] * 12))
    with pytest.raises(GeometryError, match="image's affine") as caught:
        ssn.read(path)
    check_sentence(caught.value, tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"{NAME}.nii.gz", "does not exist"),
        (f"{NAME}.mha", "does not exist"),
        (f"{NAME}", "no file or folder of that name"),
        ("there.mha", "damaged or no MetaImage"),
    ],
)
def test_missing_and_foreign_files_are_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "there.mha").write_bytes(b"something")
    with pytest.raises(ImageError, match=words) as caught:
        ssn.read(tmp_path / name)
    check_sentence(caught.value, tmp_path)


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No DICOM file is in it"):
        ssn.read(tmp_path)
    (tmp_path / "x.nii.gz").mkdir()
    with pytest.raises(ImageError, match="cannot be opened"):
        ssn.read(tmp_path / "x.nii.gz")


@pytest.mark.parametrize("space", [SPACE, (5, 4), (5, 4, 1)])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_writes_labels_on_the_images_grid(
    tmp_path: Path, suffix: str, space: tuple[int, ...]
) -> None:
    hypothesis = map_of(oblique_affine(), space)
    ssn.write(hypothesis, tmp_path / f"out{suffix}")
    image = nib.load(tmp_path / f"out{suffix}")
    assert image.get_data_dtype() == np.uint8 and image.shape == space
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), hypothesis.label_map)
    np.testing.assert_allclose(image.affine, hypothesis.affine, rtol=0, atol=ATOL_MM)
    assert image.header.get_sform(coded=True)[1] == image.header.get_qform(coded=True)[1] == 1
    np.testing.assert_allclose(image.header.get_qform(), hypothesis.affine, atol=1e-5)
    assert image.header["descrip"].item() == b"napari-ssn"
    assert image.header.get_xyzt_units()[0] == "mm"


@pytest.mark.filterwarnings("ignore:.*ITK cannot open it:UserWarning")
def test_a_sheared_affine_is_the_sforms_alone(tmp_path: Path) -> None:
    affine = oblique_affine()
    affine[:3, 1] += 0.4 * affine[:3, 0]
    ssn.write(map_of(affine), tmp_path / "out.nii.gz")
    image = nib.load(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(image.affine, affine, rtol=0, atol=ATOL_MM)
    assert image.header.get_qform(coded=True)[1] == 0
    np.testing.assert_allclose(
        image.header.get_zooms(), np.linalg.norm(affine[:3, :3], axis=0), rtol=1e-6
    )


@pytest.mark.parametrize("flip", [1, -1])
def test_both_handednesses_fit_a_qform(tmp_path: Path, flip: int) -> None:
    affine = oblique_affine() @ np.diag([flip, 1, 1, 1])
    ssn.write(map_of(affine), tmp_path / "out.nii.gz")
    image = nib.load(tmp_path / "out.nii.gz")
    assert image.header.get_qform(coded=True)[1] == 1
    np.testing.assert_allclose(image.header.get_qform(), affine, atol=1e-5)


def test_equal_label_maps_are_equal_files(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        ssn.write(map_of(oblique_affine()), tmp_path / name)
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    assert content[4:8] == bytes(4)  # no time
    assert b".nii" not in content and not content[3] & 8  # no name


def test_a_written_map_reads_back(tmp_path: Path) -> None:
    hypothesis = map_of(oblique_affine())
    assert ssn.write(hypothesis, str(tmp_path / "out.nii.gz")) == [tmp_path / "out.nii.gz"]
    volume = ssn.read(str(tmp_path / "out.nii.gz"))
    np.testing.assert_array_equal(volume.data[0], hypothesis.label_map)
    np.testing.assert_allclose(volume.affine, hypothesis.affine, rtol=0, atol=ATOL_MM)


def test_an_axis_too_long_for_nifti_1_is_written_as_nifti_2() -> None:
    content = Content.of(map_of(np.eye(4), (40000, 2, 1)))
    raw = encode(content, Path("out.nii"), None)
    assert struct.unpack("<i", raw[:4]) == (540,)


@pytest.mark.parametrize(
    ("origin", "kind", "within_mm"),
    [
        ((-31.5, 12.25, 80.125), nib.Nifti1Image, 5e-5),
        ((-123.4567, 201.98765, -834.5678), nib.Nifti1Image, 1e-4),
        ((-123.4567, 201.98765, -83456.78), nib.Nifti2Image, 1e-9),
    ],
)
def test_the_file_is_one_that_most_programs_read(
    tmp_path: Path, origin: tuple[float, float, float], kind: type, within_mm: float
) -> None:
    """ITK reads no NIfTI-2: that is for what NIfTI-1 would move by more than anybody can see."""
    affine, path = oblique_affine(origin=origin), tmp_path / "a.nii.gz"
    ssn.write(Hypothesis(np.zeros((512, 512, 300), np.uint8), affine, None), path)
    image = nib.load(path)
    assert type(image) is kind
    far = np.array([*(np.indices((2, 2, 2)).reshape(3, 8).T * (511, 511, 299)).T, np.ones(8)])
    assert np.abs((image.affine - affine) @ far).max() < within_mm


def two_positions(tmp_path: Path, other: np.ndarray, sform_code: int = 1, qform_code: int = 1):
    image = nib.Nifti1Image(noise_image((6, 5, 4)), oblique_affine())
    image.set_sform(oblique_affine(), code=sform_code)
    image.set_qform(other, code=qform_code)
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "scan.nii")
    return read_nifti(tmp_path / "scan.nii")


def test_two_positions_of_a_file_are_named_and_the_sform_taken(tmp_path: Path) -> None:
    moved = oblique_affine(origin=(-31.5, 12.25, 83.125))
    volume = two_positions(tmp_path, moved)
    np.testing.assert_allclose(volume.affine, oblique_affine(), atol=1e-6)
    assert volume.note == (
        "The file states two positions, 3 mm apart (its sform and its qform): the sform was taken."
    )
    # What differs by rounding is one position, and one that is not stated is none.
    assert two_positions(tmp_path, oblique_affine()).note is None
    assert two_positions(tmp_path, moved, sform_code=0).note is None
    np.testing.assert_allclose(two_positions(tmp_path, moved, 0).affine, moved, atol=1e-5)
    # Mirrored: the case that turns left into right.
    mirrored = np.diag([-1, 1, 1, 1]) @ oblique_affine()
    assert "two positions" in (two_positions(tmp_path, mirrored).note or "")


def test_two_voxel_sizes_of_a_file_are_named(tmp_path: Path) -> None:
    other = oblique_affine((1, 1, 1))
    assert two_positions(tmp_path, other, qform_code=0).note == (
        "The file states two voxel sizes, 0.7 × 1.3 × 2.5 and 1 × 1 × 1 mm: that of its sform "
        "was taken."
    )
    assert two_positions(tmp_path, oblique_affine(), qform_code=0).note is None


def test_a_damaged_second_position_is_named(tmp_path: Path) -> None:
    two_positions(tmp_path, oblique_affine())
    raw = bytearray((tmp_path / "scan.nii").read_bytes())
    # quatern_b … quatern_d, whose squares must not add up to more than 1.
    raw[256:268] = struct.pack("<3f", 3, 3, 3)
    (tmp_path / "scan.nii").write_bytes(raw)
    volume = read_nifti(tmp_path / "scan.nii")
    assert "its qform) is damaged" in (volume.note or "")


@pytest.mark.parametrize("field", [(42, 1), (44, 4), (46, 2)])
def test_a_size_that_lost_voxels_is_refused(tmp_path: Path, field: tuple[int, int]) -> None:
    """A flipped bit that makes an axis shorter would show slices of the wrong shape."""
    at, bit = field
    raw = bytearray(save(tmp_path / "scan.nii", noise_image((7, 6, 7))).read_bytes())
    raw[at] &= ~bit
    (tmp_path / "scan.nii").write_bytes(raw)
    with pytest.raises(ImageError, match="more voxels than it says"):
        read_nifti(tmp_path / "scan.nii")


def test_a_little_padding_is_no_damage(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.nii", noise_image((7, 6, 5)))
    path.write_bytes(path.read_bytes() + bytes(64))
    np.testing.assert_array_equal(read_nifti(path).data[0], noise_image((7, 6, 5)))


@pytest.mark.parametrize(
    ("pixdim", "unit", "qform", "extent"),
    [
        ((0, 1, 1), 2, 0, "unknown"),
        ((0.7, 0, 2.5), 2, 1, "unknown"),
        ((np.nan, 1, 1), 0, 0, "unknown"),
        ((1, 1, 1), 0, 0, "unknown"),
        ((1, 1, 1), 2, 0, "volume"),
        ((1, 1, 1), 0, 1, "volume"),
        ((0.7, 1.3, 2.5), 0, 0, "volume"),
    ],
)
def test_a_size_that_nobody_stated_is_not_known(
    tmp_path: Path, pixdim: tuple[float, ...], unit: int, qform: int, extent: str
) -> None:
    """nibabel reads a size of zero as 1, which would be stated in mL."""
    raw = bytearray(save(tmp_path / "scan.nii", noise_image(SPACE)).read_bytes())
    struct.pack_into("<3f", raw, 80, *pixdim)
    struct.pack_into("<2h", raw, 252, qform, 0)
    raw[123] = unit
    (tmp_path / "scan.nii").write_bytes(raw)
    if np.isnan(pixdim[0]):
        with pytest.raises((ImageError, GeometryError)):
            read_nifti(tmp_path / "scan.nii")
        return
    assert read_nifti(tmp_path / "scan.nii").extent == extent


def tilted(share: float) -> np.ndarray:
    """An affine whose second axis leans towards the first by a share of a voxel."""
    affine = oblique_affine()
    affine[:3, 1] += share * affine[:3, 0]
    return affine


@pytest.mark.parametrize("share", [0.0, 1e-4, 3e-4, 1e-3])
def test_a_grid_that_is_off_by_rounding_opens_in_itk(tmp_path: Path, share: float) -> None:
    """ITK takes no sform that is off a right angle by 1e-4, but a qform beside it."""
    itk = pytest.importorskip("SimpleITK")
    affine, labels = tilted(share), map_of(tilted(share), (20, 18, 9))
    ssn.write(labels, tmp_path / "a.nii.gz")
    image = itk.ReadImage(str(tmp_path / "a.nii.gz"))
    for index in ((0, 0, 0), (19, 0, 0), (0, 17, 8), (19, 17, 8)):
        place = np.array(image.TransformIndexToPhysicalPoint(index)) * (-1, -1, 1)
        np.testing.assert_allclose(place, affine[:3] @ [*index, 1], rtol=0, atol=0.012)
    np.testing.assert_allclose(nib.load(tmp_path / "a.nii.gz").affine, affine, rtol=0, atol=1e-5)
    content = Content.of(labels)
    assert about(tmp_path / "a.nii.gz", content) == ""


@pytest.mark.filterwarnings("ignore:.*ITK cannot open it:UserWarning")
@pytest.mark.parametrize("share", [2e-5, 6e-5, 9e-5, 3e-4, 1e-3])
def test_what_is_said_of_a_large_grid_is_what_itk_does(tmp_path: Path, share: float) -> None:
    """Its far corners lie too far off for a qform; ITK takes an sform up to a skew of its own."""
    itk = pytest.importorskip("SimpleITK")
    labels = map_of(tilted(share), (4, 700, 3))
    ssn.write(labels, tmp_path / "a.nii")
    said = about(tmp_path / "a.nii", Content.of(labels))
    if said:
        with pytest.raises(RuntimeError, match="orthonormal"):
            itk.ReadImage(str(tmp_path / "a.nii"))
        return
    place = itk.ReadImage(str(tmp_path / "a.nii")).TransformIndexToPhysicalPoint((3, 699, 2))
    there = labels.affine[:3] @ [3, 699, 2, 1]
    np.testing.assert_allclose(np.array(place) * (-1, -1, 1), there, rtol=0, atol=0.012)


@pytest.mark.filterwarnings("ignore:.*ITK cannot open it:UserWarning")
def test_a_tilted_gantry_is_refused_by_itk_and_that_is_said(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    affine, labels = tilted(0.2), map_of(tilted(0.2), (20, 18, 9))
    ssn.write(labels, tmp_path / "a.nii.gz")
    with pytest.raises(RuntimeError, match="orthonormal"):
        itk.ReadImage(str(tmp_path / "a.nii.gz"))
    content = Content.of(labels)
    assert ".seg.nrrd or DICOM" in about(tmp_path / "a.nii.gz", content)
    assert about(tmp_path / "a.seg.nrrd", content) == ""
    np.testing.assert_allclose(ssn.read(tmp_path / "a.nii.gz").affine, affine, rtol=0, atol=1e-5)
    ssn.write(labels, tmp_path / "a.seg.nrrd")
    np.testing.assert_allclose(ssn.read(tmp_path / "a.seg.nrrd").affine, affine, rtol=0, atol=1e-9)
    # From the viewer's menu too.
    layer = {"scale": (1, 1, 1), "affine": np.array([[1, 0.2, 0, 0], *np.eye(4)[1:]])}
    with pytest.warns(UserWarning, match="3D Slicer, ITK-SNAP"):
        write_labels(str(tmp_path / "b.nii.gz"), np.ones((9, 9, 9), np.uint8), layer)


def test_a_packed_header_is_read_without_the_voxels(tmp_path: Path) -> None:
    packed = tmp_path / "a.nii.gz"
    nib.Nifti1Image(noise_image((64, 64, 64)), np.eye(4)).to_filename(packed)
    with source.opened(packed) as stream:
        beginning, *rest = source.unpacked_if(stream)
    assert len(beginning) <= 1 << 16 < sum(map(len, rest))
    assert beginning + b"".join(rest) == gzip.decompress(packed.read_bytes())
