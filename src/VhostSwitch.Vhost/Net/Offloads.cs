using System.Runtime.CompilerServices;
using VhostSwitch.Dataplane;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Net;

/// <summary>The rules of a frame's offload fields (VIRTIO 1.2, 5.1.6): what contradicts the frame, and what a receiver takes.</summary>
internal static class Offloads
{
    private const Features SenderOffloads = Features.Csum | Features.HostTso4 | Features.HostTso6 | Features.HostUfo;

    /// <summary>True where the guest may leave work undone, so that its header has to be read at all.</summary>
    internal static bool MaySend(Features features) => (features & SenderOffloads) != 0;

    /// <summary>
    /// Clears what has no meaning in this direction or in this frame, so that a receiver is told nothing that the sender may not
    /// say: of the flags a driver sets the first alone, and fields without their flag are noise (VIRTIO 1.2, 5.1.6.2.1).
    /// </summary>
    internal static void KeepMeaningful(ref OffloadFields fields)
    {
        fields.Flags &= NetHeader.NeedsCsum;
        if (fields.Flags == 0) fields.CsumStart = fields.CsumOffset = 0;
        if (fields.GsoType == NetHeader.GsoNone) fields.HdrLen = fields.GsoSize = 0;
    }

    /// <summary>True where fields agree with the frame and with what was negotiated. Nothing beyond the frame is ever touched for them (CVE-2024-11614).</summary>
    internal static bool AreValid(in OffloadFields fields, uint frameLength, Features negotiated)
    {
        if ((fields.Flags & NetHeader.NeedsCsum) != 0)
        {
            if ((negotiated & Features.Csum) == 0) return false;
            if ((uint)fields.CsumStart + fields.CsumOffset + sizeof(ushort) > frameLength) return false;
        }
        if (fields.GsoType == NetHeader.GsoNone) return true;
        // Segments are cut in units of GsoSize, and their checksums are ours to finish (DPDK 7023f3e532: a size of 0).
        if (fields.GsoSize == 0 || (fields.Flags & NetHeader.NeedsCsum) == 0 || fields.HdrLen > frameLength) return false;
        var needed = (fields.GsoType & ~NetHeader.GsoEcn) switch
        {
            NetHeader.GsoTcpV4 => Features.HostTso4,
            NetHeader.GsoTcpV6 => Features.HostTso6,
            NetHeader.GsoUdp => Features.HostUfo,
            _ => Features.None,
        };
        return needed != Features.None && (negotiated & needed) != 0;
    }

    /// <summary>True where a receiver with these features takes the frame as it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Takes(Features receiver, in OffloadFields fields) => ((fields.Flags & NetHeader.NeedsCsum) | fields.GsoType) == 0 || TakesWork(receiver, fields);

    private static bool TakesWork(Features receiver, in OffloadFields fields)
    {
        if ((receiver & Features.GuestCsum) == 0) return false;
        if ((fields.GsoType & NetHeader.GsoEcn) != 0 && (receiver & Features.GuestEcn) == 0) return false;
        var needed = (fields.GsoType & ~NetHeader.GsoEcn) switch
        {
            NetHeader.GsoTcpV4 => Features.GuestTso4,
            NetHeader.GsoTcpV6 => Features.GuestTso6,
            NetHeader.GsoUdp => Features.GuestUfo,
            _ => Features.None,
        };
        return needed == Features.None || (receiver & needed) != 0;
    }
}
