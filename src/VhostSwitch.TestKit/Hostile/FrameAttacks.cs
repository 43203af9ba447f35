using VhostSwitch.Virtio;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Frames that no driver sends: too short, too long, or with a header that contradicts them.</summary>
public static class FrameAttacks
{
    /// <summary>The attacks. The guest must have taken the offloads.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        Dropped("transmits a header alone", f => f.TransmitsFrame(default, 0)),
        Dropped("transmits half an Ethernet header", f => f.TransmitsFrame(default, 13)),
        Dropped("transmits a frame of 100000 bytes", f => f.TransmitsDescriptor(f.Buffer(100_000), 100_000)),
        Dropped("transmits a frame of as many segments as the ring has", f =>
        {
            ulong buffer = f.Buffer();
            for (int i = 0; i < f.Transmit.Size; i++)
                f.Transmit.Describe(i, buffer, 1024, (ushort)(i < f.Transmit.Size - 1 ? 1 : 0), (ushort)(i + 1));
            f.Transmits(0);
        }),
        Dropped("CVE-2024-11614: leaves a checksum far behind the frame", f => f.TransmitsFrame(new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 60_000, CsumOffset = 65_535 })),
        Dropped("CVE-2024-11614: leaves a checksum half behind the frame", f => f.TransmitsFrame(new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 43, CsumOffset = 16 })),
        Dropped("DPDK 7023f3e532: has segments of 0 bytes cut", f => f.TransmitsFrame(new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16, GsoType = NetHeader.GsoTcpV4, HdrLen = 54 })),
        Dropped("has segments of an unknown kind cut", f => f.TransmitsFrame(new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16, GsoType = 0x7f, GsoSize = 1000, HdrLen = 54 })),
        Dropped("has segments cut whose headers are longer than the frame", f => f.TransmitsFrame(new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16, GsoType = NetHeader.GsoTcpV4, GsoSize = 1000, HdrLen = 61 })),
        Dropped("has segments cut without a checksum", f => f.TransmitsFrame(new NetHeader { GsoType = NetHeader.GsoTcpV4, GsoSize = 1000, HdrLen = 54 })),
    ];

    private static Attack Dropped(string name, Action<HostileFrontEnd> run) => new(name, FrameDropped, f =>
    {
        f.SetUp();
        run(f);
    });
}
