"""The bounds of an examination."""

from pydantic import Field

from penstock_runtime.settings import Settings


class DoctorSettings(Settings):
    """Times are in seconds."""

    doctor_seconds: float = Field(5, ge=0.5, le=120, description="each server is given so long to answer everything")
    doctor_clocks: float = Field(3, gt=0, le=3600, description="so far two clocks may be apart")
    doctor_full: float = Field(0.9, gt=0, le=1, description="the part in use from which on something is nearly full")
    doctor_silence: float = Field(30, ge=1, le=3600, description="a relay or a lease that is quiet so long has stopped")
    doctor_unconsumed: float = Field(60, ge=1, le=3600, description="messages wait so long for a first worker to come")
    doctor_behind: float = Field(900, ge=1, le=604_800, description="a message that has waited longer is told")
    doctor_lately: float = Field(900, ge=1, le=604_800, description="so far back failed jobs are told")
