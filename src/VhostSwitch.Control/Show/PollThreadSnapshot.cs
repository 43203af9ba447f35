namespace VhostSwitch.Control.Show;

/// <summary>One poll thread of a <see cref="SwitchSnapshot"/>.</summary>
/// <param name="Index">The thread's number, from 0.</param>
/// <param name="Core">The processor it is kept on; -1 for none in particular.</param>
/// <param name="State"><c>polling</c> or <c>sleeping</c>.</param>
/// <param name="Queues">How many queues it polls.</param>
/// <param name="Frames">Frames taken in since it started.</param>
/// <param name="BusyShare">The share of the last second in which it worked on frames, from 0 to 1.</param>
/// <param name="FramesPerSecond">Frames taken in over the last second.</param>
/// <param name="NsPerFrame">How long it worked on a frame, over the last second, in nanoseconds; null without frames.</param>
/// <param name="CyclesPerFrame">The same in ticks of the processor's time stamp counter; null where its rate is not known, too.</param>
/// <param name="MeanBurst">How many frames came at once from a queue that had some, over the last second; null without frames.</param>
/// <param name="GcCollections">Garbage collections of the process while it polled.</param>
/// <param name="AllocatedBytes">Bytes this thread allocated on the managed heap since it began to poll; 0 is right.</param>
public sealed record PollThreadSnapshot(
    int Index,
    int Core,
    string State,
    int Queues,
    ulong Frames,
    double BusyShare,
    double FramesPerSecond,
    double? NsPerFrame,
    double? CyclesPerFrame,
    double? MeanBurst,
    int GcCollections,
    long AllocatedBytes);
