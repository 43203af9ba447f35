using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Interop.AfXdp;

/// <summary>A port of testpmd on an interface of the kernel.</summary>
internal sealed record AfPacketPort(string Interface) : TestpmdPort
{
    public override string ToVdev(int index) => $"net_af_packet{index},iface={Interface}";
}
