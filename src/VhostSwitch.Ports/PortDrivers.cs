using VhostSwitch.Ports.NetAfPacket;
using VhostSwitch.Ports.NetAfXdp;
using VhostSwitch.Ports.NetNull;
using VhostSwitch.Ports.NetPcap;
using VhostSwitch.Ports.NetRing;
using VhostSwitch.Ports.NetTap;
using VhostSwitch.Ports.NetVhost;
using VhostSwitch.Ports.NetVirtioUser;

namespace VhostSwitch.Ports;

/// <summary>The drivers of this switch.</summary>
public static class PortDrivers
{
    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<PortDriver> All =
    [
        new TapDriver(),
        new AfPacketDriver(),
        new AfXdpDriver(),
        new VhostDriver(),
        new PcapDriver(),
        new RingDriver(),
        new NullDriver(),
        new VirtioUserDriver(),
    ];
}
