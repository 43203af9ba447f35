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

    /// <summary>True where fields agree with the frame and with what was negotiated.</summary>
    internal static bool AreValid(in OffloadFields fields, uint frameLength, Features negotiated)
    {
        if ((fields.Flags & NetHeader.NeedsCsum) != 0 && (negotiated & Features.Csum) == 0) return false;
        if (!OffloadRules.Fit(fields, frameLength)) return false;
        if (fields.GsoType == NetHeader.GsoNone) return true;
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
    internal static bool Takes(Features receiver, in OffloadFields fields) => OffloadRules.IsFinished(fields) || TakesWork(receiver, fields);

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
        // A kind that the device knows nothing of comes from other ports than guests.
        return fields.GsoType == NetHeader.GsoNone || (needed != Features.None && (receiver & needed) != 0);
    }
}
