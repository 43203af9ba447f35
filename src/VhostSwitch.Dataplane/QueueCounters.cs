using System.Runtime.InteropServices;

namespace VhostSwitch.Dataplane;

/// <summary>
/// The counters of one queue, in cache lines of their own. Written by the poll thread that works on the queue (an output that
/// several share: by the one that holds it), read by anyone without a lock.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public unsafe struct QueueCounters
{
    /// <summary>Input: frames taken. Output: frames handed over.</summary>
    public ulong Frames;

    /// <summary>The bytes of <see cref="Frames"/>, without any header of the queue.</summary>
    public ulong Bytes;

    /// <summary>Input: frames that reached at least one output.</summary>
    public ulong Delivered;

    /// <summary>Bursts that held at least one frame.</summary>
    public ulong Bursts;

    /// <summary>Notifications sent.</summary>
    public ulong Notifications;

    /// <summary>Output: how often it was tried again after it was full.</summary>
    public ulong Retries;

    private fixed ulong _drops[DropReasons.Count];

    /// <summary>Adds dropped frames.</summary>
    /// <param name="reason">Why they were dropped.</param>
    /// <param name="count">How many.</param>
    public void Drop(DropReason reason, uint count = 1) => _drops[(int)reason] += count;

    /// <summary>How many frames were dropped for a reason.</summary>
    /// <param name="reason">The reason.</param>
    public readonly ulong Drops(DropReason reason) => _drops[(int)reason];
}

/// <summary>Owns the memory of one queue's counters. Dispose it when no poll thread knows the queue any more.</summary>
public sealed unsafe class CounterBlock : IDisposable
{
    /// <summary>Allocates counters that start at 0.</summary>
    public CounterBlock()
    {
        Counters = (QueueCounters*)NativeMemory.AlignedAlloc((nuint)sizeof(QueueCounters), 64);
        NativeMemory.Clear(Counters, (nuint)sizeof(QueueCounters));
    }

    /// <summary>The counters; null once disposed.</summary>
    public QueueCounters* Counters { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(Counters);
        Counters = null;
    }
}
