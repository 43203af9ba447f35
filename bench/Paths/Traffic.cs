using System.Diagnostics;

namespace VhostSwitch.Bench.Paths;

/// <summary>What lean guests send.</summary>
/// <param name="FramesPerSecond">By each that sends: open loop, due by the clock whatever arrives; null for as many as the window allows.</param>
/// <param name="SecondSends">Whether the second guest sends too.</param>
/// <param name="Latencies">Where the way of each frame is written down, from when it was due until it was found; null for nowhere.</param>
/// <param name="CountFrom">Frames due before this do not count; a time of <see cref="Stopwatch"/>.</param>
internal sealed record Traffic(double? FramesPerSecond, bool SecondSends = true, LatencyAccount? Latencies = null, long CountFrom = 0)
{
    /// <summary>No frames.</summary>
    public static Traffic None { get; } = new(0);

    /// <summary>Whether the guests look at the clock.</summary>
    public bool Clocked => FramesPerSecond is not null || Latencies is not null;
}
