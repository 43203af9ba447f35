using VhostSwitch.Dataplane;
using VhostSwitch.Linux;

namespace VhostSwitch.Ports;

/// <summary>What a device works in.</summary>
/// <param name="Loop">The control thread's loop.</param>
/// <param name="DataPlane">Where the device's port is attached.</param>
/// <param name="Memory">Where the device takes the memory for its frames from.</param>
public sealed record PortContext(EventLoop Loop, PortHost DataPlane, FrameMemory Memory)
{
    /// <summary>What an output of the port is wrapped in before the data plane sees it; nothing where it is null.</summary>
    public Func<OutputQueue, OutputQueue>? Outward { get; init; }
}
