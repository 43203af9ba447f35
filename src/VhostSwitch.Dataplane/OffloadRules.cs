using System.Runtime.CompilerServices;

namespace VhostSwitch.Dataplane;

/// <summary>
/// The rules of a frame's offload fields that hold for every port (VIRTIO 1.2, 5.1.6): the kernel's TAP interfaces and packet sockets speak the
/// same header as virtio devices.
/// </summary>
public static class OffloadRules
{
    /// <summary>Of <see cref="OffloadFields.Flags"/>: a checksum is to be finished.</summary>
    public const byte NeedsCsum = 1;

    /// <summary>Of <see cref="OffloadFields.GsoType"/>: an ordinary frame.</summary>
    public const byte GsoNone = 0;

    /// <summary>Of <see cref="OffloadFields.GsoType"/>: a TCP segment over IPv4.</summary>
    public const byte GsoTcpV4 = 1;

    /// <summary>Of <see cref="OffloadFields.GsoType"/>: a UDP datagram, to be fragmented.</summary>
    public const byte GsoUdp = 3;

    /// <summary>Of <see cref="OffloadFields.GsoType"/>: a TCP segment over IPv6.</summary>
    public const byte GsoTcpV6 = 4;

    /// <summary>Of <see cref="OffloadFields.GsoType"/>: several UDP datagrams with one header.</summary>
    public const byte GsoUdpL4 = 5;

    /// <summary>Or-ed to <see cref="OffloadFields.GsoType"/>: the segment says congestion.</summary>
    public const byte GsoEcn = 0x80;

    /// <summary>True where the receiver has nothing to finish.</summary>
    /// <param name="fields">The frame's fields.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsFinished(in OffloadFields fields) => ((fields.Flags & NeedsCsum) | fields.GsoType) == 0;

    /// <summary>
    /// Clears what has no meaning for a receiver: of the flags all but the first, which alone a sender may set, and fields without their flag,
    /// which are noise (VIRTIO 1.2, 5.1.6.2.1).
    /// </summary>
    /// <param name="fields">The frame's fields.</param>
    public static void KeepMeaningful(ref OffloadFields fields)
    {
        fields.Flags &= NeedsCsum;
        if (fields.Flags == 0) fields.CsumStart = fields.CsumOffset = 0;
        if (fields.GsoType == GsoNone) fields.HdrLen = fields.GsoSize = 0;
    }

    /// <summary>
    /// True where fields agree with their frame: what is to be finished lies in it (CVE-2024-11614),
    /// and segments can be cut (DPDK 7023f3e532: a size of 0), whose checksums are then the receiver's to finish.
    /// </summary>
    /// <param name="fields">The frame's fields.</param>
    /// <param name="frameLength">The frame's length in bytes.</param>
    public static bool Fit(in OffloadFields fields, uint frameLength)
    {
        bool unfinished = (fields.Flags & NeedsCsum) != 0;
        if (unfinished && (uint)fields.CsumStart + fields.CsumOffset + sizeof(ushort) > frameLength) return false;
        return fields.GsoType == GsoNone || (fields.GsoSize != 0 && unfinished && fields.HdrLen <= frameLength);
    }

    /// <summary>True for a kind of segment that Linux knows.</summary>
    /// <param name="gsoType"><see cref="OffloadFields.GsoType"/>.</param>
    public static bool IsKnown(byte gsoType) =>
        gsoType == GsoNone || (gsoType & ~GsoEcn) is GsoTcpV4 or GsoTcpV6 || gsoType is GsoUdp or GsoUdpL4;
}
