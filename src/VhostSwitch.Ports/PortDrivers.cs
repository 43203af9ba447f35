using VhostSwitch.Ports.NetNull;
using VhostSwitch.Ports.NetPcap;
using VhostSwitch.Ports.NetRing;

namespace VhostSwitch.Ports;

/// <summary>The drivers of this switch.</summary>
public static class PortDrivers
{
    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<PortDriver> All = [new NullDriver(), new PcapDriver(), new RingDriver()];
}
