using System.Diagnostics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>
/// Limits what a port may bring in, as a token bucket: what is behind the Ethernet header counts, and a frame that finds too few tokens is dropped
/// (RFC 2697 without an excess burst). The queues of a port share it without a lock: each burst is judged on a copy, which is put back at once or judged anew.
/// </summary>
/// <remarks>The bucket is kept as the moment at which it would be full again, so that one number is all its state.</remarks>
/// <param name="kbps">The rate in kbit/s, more than 0.</param>
/// <param name="burstKbit">What the bucket holds, in kbit; 0 for <see cref="DefaultBurstKbit"/>.</param>
public sealed unsafe class Policer(long kbps, long burstKbit)
{
    /// <summary>What the bucket holds where nothing is said, in kbit.</summary>
    public const long DefaultBurstKbit = 8000;

    // 64 parts of a nanosecond make a small frame at 100 Gbit/s exact to half a percent, and last for four years.
    private const double UnitsPerSecond = 64e9;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly double _unitsPerByte = UnitsPerSecond * 8 / (kbps * 1000.0);
    private readonly long _depth = (long)Math.Min(
        (burstKbit == 0 ? DefaultBurstKbit : burstKbit) * 1000.0 * UnitsPerSecond / (kbps * 1000.0), long.MaxValue / 4);

    private long _full;

    /// <summary>The rate in kbit/s.</summary>
    public long Kbps { get; } = kbps;

    /// <summary>What the bucket holds, in kbit, as it was asked for.</summary>
    public long BurstKbit { get; } = burstKbit;

    /// <summary>Drops the frames of a burst that are too many. Called by poll threads.</summary>
    /// <param name="burst">The frames; those that are decided on already do not count.</param>
    public void Police(Burst burst) => Police(burst, (long)(Stopwatch.GetElapsedTime(_start).TotalSeconds * UnitsPerSecond));

    /// <summary>The same at a given time.</summary>
    /// <param name="burst">The frames.</param>
    /// <param name="time">How long the policer has been there.</param>
    internal void Police(Burst burst, TimeSpan time) => Police(burst, (long)(time.TotalSeconds * UnitsPerSecond));

    private void Police(Burst burst, long now)
    {
        uint tooMany;
        long before, full;
        do
        {
            before = Volatile.Read(ref _full);
            full = Math.Max(before, now);
            tooMany = 0;
            for (int i = 0; i < burst.Count; i++)
            {
                var frame = burst.Frames + i;
                if (frame->Output != Frame.Undecided) continue;
                long cost = (long)((frame->Length - Ethernet.HeaderLength) * _unitsPerByte);
                if (full + cost - now > _depth) tooMany |= 1u << i;
                else full += cost;
            }
        }
        while (Interlocked.CompareExchange(ref _full, full, before) != before);
        for (; tooMany != 0; tooMany &= tooMany - 1)
            burst.Frames[System.Numerics.BitOperations.TrailingZeroCount(tooMany)].Drop(DropReason.Policed);
    }
}
