using System.Diagnostics;
using System.Text.Json;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// This switch with one poll thread and with two, by turns: two pairs of lean guests exchange frames. Each thread, of the switch and of the guests,
/// is to have a core of its own; with fewer cores the rates say nothing, and what is left is the processor time of a frame.
/// </summary>
internal sealed class Threads(Settings settings, int rounds, Action<string> progress)
{
    /// <summary>What is found.</summary>
    public const string What = "two poll threads over one, two pairs of guests";

    private const int Pairs = 2, CoresWanted = 2 * Pairs;

    private static readonly int Cores = Environment.ProcessorCount;

    /// <summary>Runs everything.</summary>
    public async Task<ThreadsReport> RunAsync()
    {
        var samples = await Near.InTurnAsync(rounds, [1, 2], MeasureAsync, Tell);
        var finding = Cores < CoresWanted ? new Finding(What, null, $"needs {CoresWanted} cores, this machine has {Cores}")
            : Finding.Ratio(What, samples, NameOf(2), NameOf(1), (a, b) => a.Mpps / b.Mpps);
        string[] legend =
        [
            $"{Ours.UsualName}: learning bridge, default options, {2 * Pairs} ports; two pairs of lean guests, each pair on a thread",
            Cores < CoresWanted
                ? "poll threads and guests share cores: of the rates nothing follows, and processor time is longer by what sharing costs"
                : "poll threads on cores 0 and 1, guests on 2 and 3",
        ];
        return new ThreadsReport(settings, samples, [finding], legend, Machine.Describe());
    }

    private static string NameOf(int threads) => threads == 1 ? "one poll thread" : "two poll threads";

    private static int GuestCore(int pair) => Cores < CoresWanted ? (pair + 1) % Cores : Pairs + pair;

    // The farthest of a poll thread from its guests.
    private static double Distance() => Enumerable.Range(0, Pairs).Max(pair => CoreDistance.Measure(pair, GuestCore(pair)));

    private void Tell(ThreadsSample sample) => progress(
        $"round {sample.Round} of {rounds}: {sample.Contender,-16} {sample.Mpps,7:F2} Mpps, {sample.TellThreads()}, "
        + $"cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart ({sample.Place.Tell()})");

    private async Task<ThreadsSample> MeasureAsync(int threads, int round)
    {
        using var folder = new TestFolder();
        double before = Distance();
        string[] sockets = [.. Enumerable.Range(0, 2 * Pairs).Select(i => folder.File($"s{i}"))];
        var options = new SwitchOptions
        {
            Sockets = sockets, Cores = string.Join(',', Enumerable.Range(0, threads)), Mode = "bridge", Mergeable = settings.Mergeable ? true : null,
        };
        await using var process = SwitchProcess.Start(folder, options);
        await process.WaitUntilServingAsync();
        var pairs = new List<LeanPair>();
        try
        {
            for (int i = 0; i < Pairs; i++)
            {
                pairs.Add(await LeanPair.StartAsync((sockets[2 * i], sockets[(2 * i) + 1]), settings, GuestCore(i), i));
                await pairs[i].SendAsync(new Traffic(null));
            }
            await Task.Delay(TimeSpan.FromSeconds(settings.WarmUpSeconds));
            var begin = await ReadAsync(process);
            ulong received = Received();
            long start = Stopwatch.GetTimestamp();
            await Task.Delay(TimeSpan.FromSeconds(settings.Seconds));
            double mpps = (Received() - received) / Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            var end = await ReadAsync(process);
            foreach (var pair in pairs) await pair.EndAsync();
            var work = end.Zip(begin, (e, b) => new ThreadWork(e.Core, e.Frames - b.Frames, e.ProcessorNs - b.ProcessorNs));
            return new ThreadsSample(
                NameOf(threads), round, mpps, [.. work], Sum(pair => pair.Lost), Sum(pair => pair.Changed), before, Distance());

            ulong Received() => Sum(pair => pair.Received);
            ulong Sum(Func<LeanPair, ulong> value) => pairs.Aggregate(0UL, (sum, pair) => sum + value(pair));
        }
        finally
        {
            pairs.ForEach(pair => pair.Dispose());
        }
    }

    // Frames and processor time are read one behind the other, some milliseconds apart at both ends.
    private static async Task<List<ThreadWork>> ReadAsync(SwitchProcess process)
    {
        using JsonDocument status = await process.ShowAsync();
        return
        [
            .. from thread in status.RootElement.GetProperty("poll_threads").EnumerateArray()
               let core = thread.GetProperty("core").GetInt32()
               select new ThreadWork(core, thread.GetProperty("frames").GetUInt64(), ProcessorTime.OfThreads(process.Pid, $"poll-{core}\n")),
        ];
    }
}
