using System.Globalization;
using System.Text.RegularExpressions;

namespace VhostSwitch.Bench.Paths;

/// <summary>What a switch says of its first poll thread's cycles: Open vSwitch counts them, this one estimates them.</summary>
/// <param name="Busy">Those in which it worked on frames.</param>
/// <param name="Idle">All others.</param>
/// <param name="Frames">The frames it has taken in.</param>
internal readonly partial record struct PmdCycles(double Busy, double Idle, double Frames)
{
    /// <summary>The command that asks for them.</summary>
    public const string Command = "dpif-netdev/pmd-stats-show";

    /// <summary>The share of the time in which it worked on frames.</summary>
    public double BusyShare => Busy / Math.Max(1, Busy + Idle);

    /// <summary>Those it took for a frame; null without frames.</summary>
    public double? CyclesPerFrame => Frames > 0 ? Busy / Frames : null;

    /// <summary>Reads the answer. Open vSwitch's main thread has such counters too, behind those of poll threads.</summary>
    public static PmdCycles In(string text)
    {
        return new PmdCycles(Number(ProcessingCycles()), Number(IdleCycles()), Number(PacketsReceived()));

        double Number(Regex line) => double.Parse(line.Match(text).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    public static PmdCycles operator -(PmdCycles after, PmdCycles before) =>
        new(after.Busy - before.Busy, after.Idle - before.Idle, after.Frames - before.Frames);

    [GeneratedRegex(@"processing cycles: (\d+)")]
    private static partial Regex ProcessingCycles();

    [GeneratedRegex(@"idle cycles: (\d+)")]
    private static partial Regex IdleCycles();

    [GeneratedRegex(@"packets received: (\d+)")]
    private static partial Regex PacketsReceived();
}
