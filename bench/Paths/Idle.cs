using System.Diagnostics;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>What a switch with many ports costs that has nothing to do, or little, every contender in turn in every round.</summary>
internal sealed class Idle(Settings settings, IReadOnlyList<Entrant> entrants, int rounds, Action<string> progress)
{
    /// <summary>Frames a second of the second half, both directions added.</summary>
    public const int TrickleRate = 1000;

    // After a start, and after a change of what is done, the runtime compiles again what is used often: an idle switch has long done so.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(10);

    /// <summary>Runs everything.</summary>
    public async Task<IdleReport> RunAsync()
    {
        var samples = await Near.InTurnAsync(rounds, entrants, MeasureAsync, Tell);
        string[] legend = [.. entrants.Select(entrant => entrant.Describe(settings))];
        return new IdleReport(entrants[0].Name, settings, samples, IdleReport.FindingsOf(samples), legend, Machine.Describe());
    }

    private void Tell(IdleSample sample) => progress(
        $"round {sample.Round} of {rounds}: {sample.Contender,-14} {sample.Ports} ports, {sample.IdlePercent:F2} % of a core idle, "
        + $"{sample.TricklePercent:F2} % with {TrickleRate} frames/s, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart "
        + $"({sample.Place.Tell()})");

    private async Task<IdleSample> MeasureAsync(Entrant entrant, int round)
    {
        using var folder = new TestFolder();
        // Processor time, unlike a rate, is the same beside others; only the caches between the cores matter.
        double before = await Near.WaitAsync(besideOthers: true);
        double idle, trickle;
        var latencies = new LatencyAccount();
        await using (var contender = entrant.Make())
        {
            using var pair = await LeanPair.StartAsync(await contender.StartAsync(folder, settings), settings, Load.LoadCore);
            idle = await ShareAsync(contender);
            long from = Stopwatch.GetTimestamp() + (long)(Settling.TotalSeconds * Stopwatch.Frequency);
            await pair.SendAsync(new Traffic(TrickleRate / 2.0, Latencies: latencies, CountFrom: from));
            trickle = await ShareAsync(contender);
            await pair.EndAsync();
        }
        return new IdleSample(
            entrant.Name, round, entrant.Make().PortsIn(settings), idle, trickle, At(0.5), At(0.99), before, Near.Distance(besideOthers: true));

        // Where nothing came all take longer than the measurement.
        double At(double share) => latencies.All.QuantileUs(share) ?? (settings.Seconds * 1e6);
    }

    private async Task<double> ShareAsync(Contender contender)
    {
        await Task.Delay(Settling);
        long start = Stopwatch.GetTimestamp(), time = ProcessorTime.OfProcess(contender.Pid);
        await Task.Delay(TimeSpan.FromSeconds(settings.Seconds));
        return 100 * (ProcessorTime.OfProcess(contender.Pid) - time) / Stopwatch.GetElapsedTime(start).TotalNanoseconds;
    }
}
