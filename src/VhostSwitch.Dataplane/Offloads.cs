using System.Runtime.CompilerServices;

namespace VhostSwitch.Dataplane;

/// <summary>The rules of a frame's offload fields (VIRTIO 1.2, 5.1.6): what contradicts the frame, and what a receiver takes.</summary>
public static class Offloads
{
    /// <summary>
    /// Clears what has no meaning in this direction or in this frame, so that a receiver is told nothing that the sender may not
    /// say: of the flags a driver sets the first alone, and fields without their flag are noise (VIRTIO 1.2, 5.1.6.2.1).
    /// </summary>
    /// <param name="fields">As the sender wrote them.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void KeepMeaningful(ref OffloadFields fields)
    {
        fields.Flags &= OffloadFields.NeedsCsum;
        if (fields.Flags == 0) fields.CsumStart = fields.CsumOffset = 0;
        if (fields.GsoType == OffloadFields.GsoNone) fields.HdrLen = fields.GsoSize = 0;
    }

    /// <summary>
    /// True where fields agree with the frame and with what was negotiated. Nothing beyond the frame is ever touched for them (CVE-2024-11614).
    /// </summary>
    /// <param name="fields">The fields, after <see cref="KeepMeaningful"/>.</param>
    /// <param name="frameLength">The length of the frame in bytes.</param>
    /// <param name="negotiated">What the sender may leave undone.</param>
    public static bool AreValid(in OffloadFields fields, uint frameLength, OffloadKinds negotiated)
    {
        if ((fields.Flags & OffloadFields.NeedsCsum) != 0)
        {
            if ((negotiated & OffloadKinds.Checksum) == 0) return false;
            if ((uint)fields.CsumStart + fields.CsumOffset + sizeof(ushort) > frameLength) return false;
        }
        if (fields.GsoType == OffloadFields.GsoNone) return true;
        // Segments are cut in units of GsoSize, and their checksums are ours to finish (DPDK 7023f3e532: a size of 0).
        if (fields.GsoSize == 0 || (fields.Flags & OffloadFields.NeedsCsum) == 0 || fields.HdrLen > frameLength) return false;
        var needed = KindOf(fields.GsoType);
        return needed != OffloadKinds.None && (negotiated & needed) != 0;
    }

    /// <summary>True where nothing is left to be done.</summary>
    /// <param name="fields">The frame's fields.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsFinished(in OffloadFields fields)
    {
        // Flags and kind by one load.
        const ushort meaningful = OffloadFields.NeedsCsum | (0xff << 8);
        return (Unsafe.As<byte, ushort>(ref Unsafe.AsRef(in fields.Flags)) & meaningful) == 0;
    }

    /// <summary>True where a receiver takes the frame as it is.</summary>
    /// <param name="receiver">What the receiver takes.</param>
    /// <param name="fields">The frame's fields.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Takes(OffloadKinds receiver, in OffloadFields fields) =>
        IsFinished(fields) || TakesWork(receiver, fields);

    private static bool TakesWork(OffloadKinds receiver, in OffloadFields fields)
    {
        var needed = KindOf(fields.GsoType) | OffloadKinds.Checksum;
        if ((fields.GsoType & OffloadFields.GsoEcn) != 0) needed |= OffloadKinds.Ecn;
        return (receiver & needed) == needed;
    }

    private static OffloadKinds KindOf(byte gsoType) => gsoType switch
    {
        // Congestion is TCP's.
        OffloadFields.GsoTcpV4 or (OffloadFields.GsoTcpV4 | OffloadFields.GsoEcn) => OffloadKinds.Tso4,
        OffloadFields.GsoTcpV6 or (OffloadFields.GsoTcpV6 | OffloadFields.GsoEcn) => OffloadKinds.Tso6,
        OffloadFields.GsoUdp => OffloadKinds.Ufo,
        OffloadFields.GsoUdpL4 => OffloadKinds.Uso,
        _ => OffloadKinds.None,
    };
}
