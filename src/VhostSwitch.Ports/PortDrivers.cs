using VhostSwitch.Ports.NetAfXdp;
using VhostSwitch.Ports.NetNull;

namespace VhostSwitch.Ports;

/// <summary>The drivers of this switch.</summary>
public static class PortDrivers
{
    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<PortDriver> All = [new AfXdpDriver(), new NullDriver()];
}
