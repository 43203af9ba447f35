using System.Diagnostics;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// How long frames take from guest to guest when they come at a steady rate, every contender in turn in every round. The rates are shares of what the
/// same process forwarded in a closed loop just before, so each contender has its own.
/// </summary>
internal sealed class Latency(Settings settings, IReadOnlyList<Entrant> entrants, int rounds, Action<string> progress)
{
    /// <summary>The rates, in percent of the closed loop's.</summary>
    public static readonly int[] Percents = [10, 50, 90];

    /// <summary>Runs everything.</summary>
    public async Task<LatencyReport> RunAsync()
    {
        var samples = await Near.InTurnAsync(rounds, entrants, MeasureAsync, Tell);
        string[] legend = [.. entrants.Select(entrant => entrant.Describe(settings))];
        return new LatencyReport(entrants[0].Name, settings, samples, LatencyReport.FindingsOf(samples, settings), legend, Machine.Describe());
    }

    private void Tell(LatencySample sample) => progress(
        $"round {sample.Round} of {rounds}: {sample.Contender,-14} {sample.ClosedLoopMpps:F2} Mpps in the closed loop; p99.9 "
        + string.Join(", ", sample.Points.Select(p => $"{p.P999Us:F1} us at {p.LoadPercent} %"))
        + $"; cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart ({sample.Place.Tell()})");

    private async Task<LatencySample> MeasureAsync(Entrant entrant, int round)
    {
        using var folder = new TestFolder();
        double before = await Near.WaitAsync();
        double closed;
        var points = new List<LatencyPoint>();
        Inspection inspection;
        ulong lost, changed;
        await using (var contender = entrant.Make())
        {
            var sockets = await contender.StartAsync(folder, settings);
            using (var pair = await LeanPair.StartAsync(sockets, settings, Load.LoadCore))
            {
                await pair.SendAsync(new Traffic(null, SecondSends: !settings.OneWay));
                await Task.Delay(TimeSpan.FromSeconds(settings.WarmUpSeconds));
                (closed, _) = await pair.MeasureAsync(TimeSpan.FromSeconds(settings.Seconds));
                foreach (int percent in Percents)
                    points.Add(await MeasureAsync(pair, percent, closed * percent / 100));
                inspection = await contender.InspectAsync();
                await pair.EndAsync();
                (lost, changed) = (pair.Lost, pair.Changed);
            }
        }
        return new LatencySample(entrant.Name, round, closed, points, lost, changed, inspection, before, Near.Distance());
    }

    // The last rate goes on when it has been measured.
    private async Task<LatencyPoint> MeasureAsync(LeanPair pair, int percent, double mpps)
    {
        var latencies = new LatencyHistogram();
        double rate = mpps * 1e6 / (settings.OneWay ? 1 : 2);
        var uncounted = TimeSpan.FromSeconds(settings.WarmUpSeconds / 2);
        long from = Stopwatch.GetTimestamp() + (long)(uncounted.TotalSeconds * Stopwatch.Frequency);
        await pair.SendAsync(new Traffic(rate, !settings.OneWay, latencies, from));
        await Task.Delay(uncounted);
        var (arrived, _) = await pair.MeasureAsync(TimeSpan.FromSeconds(settings.Seconds));
        await pair.SendAsync(new Traffic(rate, !settings.OneWay));
        return new LatencyPoint(
            percent, mpps, arrived, At(0.5), At(0.99), At(0.999), At(1));

        // Where nothing came all take longer than the measurement.
        double At(double share) => latencies.QuantileUs(share) ?? (settings.Seconds * 1e6);
    }
}
