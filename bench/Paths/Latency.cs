using System.Diagnostics;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// How long frames take from guest to guest when they come at a steady rate, every contender in turn in every round. The rates of a round are the
/// same for all: shares of what the first contender forwarded in a closed loop when the round began.
/// </summary>
/// <param name="settings">The case.</param>
/// <param name="pace">Who sets the rates, and is measured first.</param>
/// <param name="others">Who else is measured; the first of them is compared with the one that sets the rates.</param>
/// <param name="rounds">How often.</param>
/// <param name="progress">Told of each sample.</param>
internal sealed class Latency(Settings settings, Entrant pace, IReadOnlyList<Entrant> others, int rounds, Action<string> progress)
{
    /// <summary>The rates, in percent of the closed loop's.</summary>
    public static readonly int[] Percents = [10, 50, 90];

    private double _fullMpps;

    /// <summary>Runs everything.</summary>
    public async Task<LatencyReport> RunAsync()
    {
        Entrant[] entrants = [pace, .. others];
        var samples = await Near.InTurnAsync(rounds, entrants, MeasureAsync, Tell);
        string ours = others[0].Name;
        string[] legend =
        [
            .. entrants.Select(entrant => entrant.Describe(settings)),
            $"loads: shares of what {pace.Name} forwarded in a closed loop of {settings.Window} frames each way at the beginning of the round",
        ];
        return new LatencyReport(ours, pace.Name, settings, samples, LatencyReport.FindingsOf(samples, settings, ours), legend, Machine.Describe());
    }

    private void Tell(LatencySample sample) => progress(
        $"round {sample.Round} of {rounds}: {sample.Contender,-14} {sample.ClosedLoopMpps:F2} Mpps in the closed loop; p99.9 "
        + string.Join(", ", sample.Points.Select(p => $"{p.P999Us:F1} us at {p.LoadPercent} %{p.Tell()}"))
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
                closed = (await pair.MeasureAsync(TimeSpan.FromSeconds(settings.Seconds))).Mpps;
                if (entrant == pace) _fullMpps = closed;
                foreach (int percent in Percents)
                    points.Add(await MeasureAsync(contender, pair, percent, _fullMpps * percent / 100));
                inspection = await contender.InspectAsync();
                await pair.EndAsync();
                (lost, changed) = (pair.Lost, pair.Changed);
            }
        }
        return new LatencySample(entrant.Name, round, closed, points, lost, changed, inspection, before, Near.Distance());
    }

    // The last rate goes on when it has been measured.
    private async Task<LatencyPoint> MeasureAsync(Contender contender, LeanPair pair, int percent, double mpps)
    {
        using var stolen = new StolenTime(contender.Pid);
        var latencies = new LatencyAccount(stolen);
        double rate = mpps * 1e6 / (settings.OneWay ? 1 : 2);
        var uncounted = TimeSpan.FromSeconds(settings.WarmUpSeconds / 2);
        long from = Stopwatch.GetTimestamp() + (long)(uncounted.TotalSeconds * Stopwatch.Frequency);
        await pair.SendAsync(new Traffic(rate, !settings.OneWay, latencies, from));
        await Task.Delay(uncounted);
        double taken = ProcessorTime.StolenSeconds(Contender.SwitchCore);
        long waited = ProcessorTime.WaitOfBusiest(contender.Pid), slept = ProcessorTime.SleepsOfBusiest(contender.Pid);
        var flow = await pair.MeasureAsync(TimeSpan.FromSeconds(settings.Seconds));
        waited = ProcessorTime.WaitOfBusiest(contender.Pid) - waited;
        slept = ProcessorTime.SleepsOfBusiest(contender.Pid) - slept;
        taken = ProcessorTime.StolenSeconds(Contender.SwitchCore) - taken;
        await pair.SendAsync(new Traffic(rate, !settings.OneWay));
        return new LatencyPoint(
            percent, mpps, flow.Mpps, flow.GuestsBusy, flow.GuestsLate, flow.GuestsAway, waited / (settings.Seconds * 1e9), slept, flow.Lost,
            taken / settings.Seconds, latencies.Uncounted, At(latencies.All, 0.999),
            At(latencies.Counted, 0.5), At(latencies.Counted, 0.99), At(latencies.Counted, 0.999), At(latencies.Counted, 1));

        // Where nothing counts it is of all, and the point does not tell; where nothing came all take longer than the measurement.
        double At(LatencyHistogram histogram, double share) =>
            histogram.QuantileUs(share) ?? latencies.All.QuantileUs(share) ?? (settings.Seconds * 1e6);
    }
}
