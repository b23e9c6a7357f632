//! Where the arithmetic runs.

use candle_core::Device;

use crate::domain::request::DeviceKind;
use crate::domain::{Error, Result};

/// The device that a user asks for.
///
/// # Errors
/// A refusal when this build or this machine lacks it.
pub fn open(kind: DeviceKind) -> Result<Device> {
    let opened = match kind {
        DeviceKind::Cpu => Ok(Device::Cpu),
        DeviceKind::Cuda => Device::new_cuda(0),
        DeviceKind::Metal => Device::new_metal(0),
    };
    opened.map_err(|err| {
        Error::refused(format!("--device {kind}"), format!("not available ({err})"))
            .expected(format!("a build with the cargo feature {kind} and such a device"))
            .remedy("use --device cpu")
    })
}
