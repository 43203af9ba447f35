using System.Diagnostics;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Program;

/// <summary>What a poll thread has counted at one moment.</summary>
/// <param name="Time">The moment, in ticks of <see cref="Stopwatch"/>.</param>
/// <param name="Work">How long it has worked on frames.</param>
/// <param name="Frames">Frames taken in.</param>
/// <param name="Bursts">For each of its queues the frames and the bursts in which they came; queues come and go.</param>
public sealed record PollThreadCounts(long Time, TimeSpan Work, ulong Frames, IReadOnlyDictionary<InputQueue, (ulong Frames, ulong Bursts)> Bursts)
{
    /// <summary>Reads a thread's counters.</summary>
    /// <param name="thread">The thread. For the control thread, which alone gives queues and takes them.</param>
    public static unsafe PollThreadCounts Of(PollThread thread)
    {
        var bursts = new Dictionary<InputQueue, (ulong, ulong)>(thread.Inputs.Length);
        foreach (var queue in thread.Inputs)
            bursts.Add(queue, (queue.Counters->Frames, queue.Counters->Bursts));
        return new PollThreadCounts(Stopwatch.GetTimestamp(), thread.WorkTime, thread.Frames, bursts);
    }
}

/// <summary>What a poll thread did between two moments.</summary>
/// <param name="BusyShare">The share of the time in which it worked on frames, from 0 to 1.</param>
/// <param name="FramesPerSecond">Frames taken in.</param>
/// <param name="NsPerFrame">How long it worked on one frame; null without frames.</param>
/// <param name="MeanBurst">How many frames came at once from a queue that had some; null without frames.</param>
public readonly record struct PollThreadRates(double BusyShare, double FramesPerSecond, double? NsPerFrame, double? MeanBurst)
{
    /// <summary>Compares two moments.</summary>
    /// <param name="before">The first.</param>
    /// <param name="now">The later one.</param>
    public static PollThreadRates Between(PollThreadCounts before, PollThreadCounts now)
    {
        var time = Stopwatch.GetElapsedTime(before.Time, now.Time);
        var work = now.Work - before.Work;
        ulong frames = now.Frames - before.Frames;
        if (frames == 0) return new(Share(), 0, null, null);
        ulong came = 0, bursts = 0;
        foreach (var (queue, counts) in now.Bursts)
        {
            if (!before.Bursts.TryGetValue(queue, out var first)) continue;
            came += counts.Frames - first.Frames;
            bursts += counts.Bursts - first.Bursts;
        }
        return new(Share(), frames / time.TotalSeconds, work.TotalNanoseconds / frames, bursts == 0 ? null : (double)came / bursts);

        // An estimate may come out above the time there was.
        double Share() => Math.Min(1, work / time);
    }
}
