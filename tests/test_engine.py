"""vLLM itself, in this process: what it runs, what it refuses, how its death is seen."""

import asyncio
import os
import signal

import psutil
import pytest

from granite import profile, weights
from granite.answer import Answer
from granite.cancellation import Cancellation, _current
from granite.errors import EngineDied, SettingsError, WeightsError
from granite.faults import Faults
from granite.record import Record
from granite.sampling import Sampling
from granite.settings import Settings
from granite.stream import stream
from tests.test_sampling import GIVEN
from tests.test_stream import Journal, drained
