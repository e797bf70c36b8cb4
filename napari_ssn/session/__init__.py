"""What a person has open and has chosen: state and commands, without a window."""

from napari_ssn.io.asking import Several as Several
from napari_ssn.session.members import Row as Row
from napari_ssn.session.records import Chosen as Chosen
from napari_ssn.session.records import Decoded as Decoded
from napari_ssn.session.records import Note as Note
from napari_ssn.session.records import Plane as Plane
from napari_ssn.session.records import Preview as Preview
from napari_ssn.session.records import Settings as Settings
from napari_ssn.session.records import Survey as Survey
from napari_ssn.session.session import Session as Session
