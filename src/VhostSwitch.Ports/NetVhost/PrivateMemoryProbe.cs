using System.Diagnostics;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>
/// Recognises a guest whose memory file is mapped privately (QEMU's memory-backend-file with share=off): the protocol is
/// flawless, but what the guest writes never reaches the file, and every ring reads as zeros although its driver kicks.
/// </summary>
/// <remarks>
/// A guest whose interface is down has empty rings too, and QEMU itself kicks each ring once when it starts. So the second kick
/// counts: a driver kicks when it has made a buffer available, which then must be seen in the ring.
/// </remarks>
internal sealed class PrivateMemoryProbe
{
    // How often a front-end itself kicks a ring that it starts (vhost-user, "Starting and stopping rings"; QEMU does).
    private const ulong KicksOfFrontEnd = 1;

    // For how long the rings must read as zeros after the kick.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

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
            && device.Rings.Where(r => r is { Running: true, Enabled: true }).All(r => ReadsAsZeros(device, r))
            && device.Rings.Any(r => r is { Running: true, Kick: { } kick } && EventFd.Peek(kick.Number) > KicksOfFrontEnd);
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
        // The tables of both rings have entries of the same length.
        if (!IsZero(ring.Parts.Descriptors, SplitLayout.DescriptorTableLength(ring.Size))) return false;
        return device.IsPacked || IsZero(ring.Parts.Available + SplitLayout.IndexOffset, sizeof(ushort));
    }

    private static unsafe bool IsZero(byte* at, uint length) => !new ReadOnlySpan<byte>(at, (int)length).ContainsAnyExcept((byte)0);
}
