using System.Diagnostics;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>
/// Recognises a guest whose memory file is mapped privately (QEMU's memory-backend-file with share=off): the protocol is
/// flawless, but what the guest writes never reaches the file, and every ring reads as zeros although its driver kicks.
/// </summary>
internal sealed class PrivateMemoryProbe
{
    // A driver fills its receive ring before its first kick, so real zeros pass at once; this allows for a slow emulated guest.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private long _since;

    /// <summary>What to tell the user; null while there is no suspicion.</summary>
    internal string? Verdict { get; private set; }

    /// <summary>Begins anew: the rings are set up again.</summary>
    internal void Restart()
    {
        _since = 0;
        Verdict = null;
    }

    /// <summary>Looks at the rings.</summary>
    /// <param name="device">The device.</param>
    /// <returns>True when the suspicion has just become a verdict.</returns>
    internal bool Check(Device device)
    {
        bool suspicious = device.Rings.Any(r => r is { Running: true, IsGuestReceive: true, Enabled: true })
            && device.Rings.Any(r => r is { Running: true, Kick: { } kick } && EventFd.IsSignalled(kick.Number))
            && device.Rings.Where(r => r is { Running: true, Enabled: true }).All(r => ReadsAsZeros(device, r));
        if (!suspicious)
        {
            Restart();
            return false;
        }
        if (_since == 0) _since = Stopwatch.GetTimestamp();
        if (Verdict is not null || Stopwatch.GetElapsedTime(_since) < Patience) return false;
        Verdict = "guest memory looks private: add share=on to the guest's memory-backend (the driver kicks, but its rings read as zeros)";
        return true;
    }

    private static unsafe bool ReadsAsZeros(Device device, Vring ring)
    {
        if (ring.Addresses is not { } addresses || !RingParts.TryTranslate(device.Memory.Guest, addresses, ring.Size, out var parts)) return false;
        return IsZero(parts.Descriptors, SplitLayout.DescriptorTableLength(ring.Size)) && IsZero(parts.Available + SplitLayout.IndexOffset, sizeof(ushort));
    }

    private static unsafe bool IsZero(byte* at, uint length) => !new ReadOnlySpan<byte>(at, (int)length).ContainsAnyExcept((byte)0);
}
