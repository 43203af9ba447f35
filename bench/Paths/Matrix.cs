using VhostSwitch.Interop.Rig;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// Many cases with short samples: this switch and a peer, by turns in each case of each round. Both are started once for all cases that need no other
/// process, and the one that is not measured is stopped meanwhile, so that samples of a case follow each other directly.
/// </summary>
internal sealed class Matrix(Entrant ours, Entrant peer, double seconds, int rounds, Action<string> progress)
{
    private const int Attempts = 2;
    private const double FirstWarmUpSeconds = 2;

    private static readonly LeanLoad Load = new();

    private readonly List<string> _failures = [];

    /// <summary>Runs everything.</summary>
    public async Task<MatrixReport> RunAsync()
    {
        var cases = MatrixCase.All(seconds);
        var samples = new List<MatrixSample>();
        foreach (var group in cases.GroupBy(c => c.Process))
        {
            await TryAsync($"{group.Key.Ports ?? 3} ports and their guests", null, () => MeasureAsync([.. group], samples));
        }
        var usual = cases[0].Settings;
        string[] legend =
        [
            ours.Describe(usual), peer.Describe(usual), "with more ports, both have those, but testpmd 32 at most, which is DPDK's limit",
            $"{Load.Name}: {Load.What}", .. _failures,
        ];
        return new MatrixReport(
            ours.Name, peer.Name, samples, [.. cases.SelectMany(c => MatrixReport.FindingsOf(c, samples, ours.Name, peer.Name))], legend,
            Machine.Describe());
    }

    private async Task MeasureAsync(List<MatrixCase> cases, List<MatrixSample> samples)
    {
        await using var first = await Standing.StartAsync(ours, cases[0].Settings);
        await using var second = await Standing.StartAsync(peer, cases[0].Settings);
        for (int round = 1; round <= rounds; round++)
        {
            foreach (var one in cases)
            {
                foreach (var standing in (Standing[])[first, second])
                {
                    int now = round;
                    await TryAsync($"{one.Name}: {standing.Name}", standing.Transcript, async () =>
                    {
                        var sample = await Near.MeasureAsync(() => standing.MeasureAsync(one.Settings, now), s => Tell(one, s), Attempts);
                        samples.Add(new MatrixSample(one.Heading, one.Name, sample));
                        Tell(one, sample);
                    });
                }
            }
        }
    }

    // What cannot be measured does not cost the figures of the rest; the report says so.
    private async Task TryAsync(string what, Transcript? transcript, Func<Task> measure)
    {
        try
        {
            await measure();
        }
        catch (Exception e) when (e is RigException or VirtioUserException or NotSupportedException or TimeoutException)
        {
            _failures.Add($"not measured: {what}: {e.Message.Split('\n')[0]}");
            progress($"{_failures[^1]}\n{transcript}");
        }
    }

    private void Tell(MatrixCase one, Sample sample) => progress(
        $"round {sample.Round} of {rounds}: {one.Name}: {sample.Contender,-14} {sample.Mpps,7:F2} Mpps, "
        + $"{Inspection.Tell(sample.Inspection!.BusyShare)}, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart ({sample.Place.Tell()})"
        + Report.TellErrors(sample));

    // A contender that lives through several cases, stopped while it is not measured.
    private sealed class Standing(Entrant entrant) : IAsyncDisposable
    {
        private readonly TestFolder _folder = new();
        private readonly Contender _contender = entrant.Make();
        private (string First, string Second) _sockets;

        public static async Task<Standing> StartAsync(Entrant entrant, Settings settings)
        {
            var standing = new Standing(entrant);
            try
            {
                standing._sockets = await standing._contender.StartAsync(standing._folder, settings);
                await Load.RunAsync(
                    standing._folder, standing._sockets, settings with { WarmUpSeconds = FirstWarmUpSeconds, Seconds = 0 }, () => Task.CompletedTask);
                standing._contender.Suspend();
                return standing;
            }
            catch
            {
                await standing.DisposeAsync();
                throw;
            }
        }

        public string Name => entrant.Name;

        public Transcript? Transcript => _contender.Transcript;

        public async Task<Sample> MeasureAsync(Settings settings, int round)
        {
            double before = await Near.WaitAsync();
            LoadResult result;
            Inspection? inspection = null;
            _contender.Resume();
            try
            {
                result = await Load.RunAsync(_folder, _sockets, settings, async () => inspection = await _contender.InspectAsync());
            }
            finally
            {
                _contender.Suspend();
            }
            return SideBySide.SampleOf(entrant, Load, settings, round, before, result, inspection);
        }

        public async ValueTask DisposeAsync()
        {
            if (_sockets != default) _contender.Resume();
            await _contender.DisposeAsync();
            _folder.Dispose();
        }
    }
}
