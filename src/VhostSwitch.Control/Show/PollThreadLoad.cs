namespace VhostSwitch.Control.Show;

/// <summary>What a poll thread has done, and the queues it polls.</summary>
/// <param name="Node">The NUMA node of its core.</param>
/// <param name="Core">Its core.</param>
/// <param name="Frames">Frames taken in since it started.</param>
/// <param name="Cycles">The time since it started, in ticks of the processor's time stamp counter; 0 where its rate is not known.</param>
/// <param name="BusyCycles">The part of them in which it worked on frames.</param>
/// <param name="BusyShare">The share of the last second in which it did, from 0 to 1.</param>
/// <param name="Queues">Its queues.</param>
public sealed record PollThreadLoad(int Node, int Core, ulong Frames, ulong Cycles, ulong BusyCycles, double BusyShare, IReadOnlyList<QueueLoad> Queues)
{
    /// <summary>True where it is left to queues that were put there.</summary>
    public bool IsIsolated { get; init; }
}

/// <summary>A queue of a poll thread.</summary>
/// <param name="Port">The port's name.</param>
/// <param name="Queue">The queue's number.</param>
/// <param name="IsEnabled">False where its sender has disabled it.</param>
/// <param name="Share">Its share of the thread's busy time, by the frames it brought over the last second; from 0 to 1.</param>
public sealed record QueueLoad(string Port, int Queue, bool IsEnabled, double Share);
