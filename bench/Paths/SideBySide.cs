using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>One that takes part in a comparison.</summary>
/// <param name="Make">Makes the contender anew for every sample.</param>
/// <param name="Change">What is different in the case for it; null for nothing.</param>
internal sealed record Entrant(Func<Contender> Make, Func<Settings, Settings>? Change = null)
{
    /// <summary>The names by which <c>--peers</c> chooses, and whom.</summary>
    public static IReadOnlyDictionary<string, Entrant> Peers { get; } = new Dictionary<string, Entrant>
    {
        ["testpmd"] = new(() => new TestpmdIo()),
        ["ovs"] = new(() => new OpenVswitchNormal()),
    };

    public static Entrant ThisSwitch { get; } = new(() => new Ours());

    public string Name { get; } = Make().Name;

    /// <summary>The case as it is for this one.</summary>
    public Settings In(Settings settings) => Change?.Invoke(settings) ?? settings;

    /// <summary>One line for the report.</summary>
    public string Describe(Settings settings) => Make().Describe(In(settings));
}

/// <summary>
/// Frames a second from guest to guest, every entrant in turn in every round, so that what the machine does meanwhile happens to all.
/// </summary>
/// <param name="title">What is compared.</param>
/// <param name="entrants">Who; the first one is what the others are compared with.</param>
/// <param name="loads">The guests.</param>
/// <param name="settings">The case, with the first lengths.</param>
/// <param name="mixes">The frames' lengths, each a comparison of its own.</param>
/// <param name="rounds">How often.</param>
/// <param name="progress">Told of each sample.</param>
internal sealed class SideBySide(
    string title, IReadOnlyList<Entrant> entrants, IReadOnlyList<Load> loads, Settings settings, IReadOnlyList<FrameMix> mixes, int rounds,
    Action<string> progress)
{
    /// <summary>Runs everything.</summary>
    public async Task<Report> RunAsync()
    {
        var samples = new List<Sample>();
        foreach (var load in loads)
        {
            foreach (var mix in mixes)
            {
                samples.AddRange(await Near.InTurnAsync(
                    rounds, entrants, (entrant, round) => MeasureAsync(entrant, load, settings with { Frames = mix }, round), Tell));
            }
        }
        string[] legend = [.. entrants.Select(entrant => entrant.Describe(settings)), .. loads.Select(load => $"{load.Name}: {load.What}")];
        return new Report(title, entrants[0].Name, settings, samples, [.. FindingsOf(samples)], legend, Machine.Describe());
    }

    private IEnumerable<Finding> FindingsOf(List<Sample> samples)
    {
        string ours = entrants[0].Name;
        foreach (var load in loads)
        {
            foreach (var mix in mixes)
            {
                var those = samples.Where(s => s.Load == load.Name && s.Frames == mix.Name).ToList();
                foreach (var entrant in entrants.Skip(1))
                {
                    string what = $"{settings.Name(load.Name, mix)}: {ours} / {entrant.Name}";
                    foreach (var finding in Finding.Ratios(what, those, ours, entrant.Name, (a, b) => a.Mpps / b.Mpps))
                        yield return finding;
                }
            }
        }
        var inspected = samples.Select(s => s.Inspection).OfType<Inspection>().Where(i => i.Collections is not null).ToList();
        yield return new Finding("collections in a sample", Spread.Of(inspected.Select(i => (double)i.Collections!)));
        yield return new Finding("bytes allocated by the poll thread in a sample", Spread.Of(inspected.Select(i => (double)i.AllocatedBytes!)));
    }

    private void Tell(Sample sample) => progress(
        $"{sample.Load}, {sample.Frames}, round {sample.Round} of {rounds}: {sample.Contender,-14} {sample.Mpps,7:F2} Mpps, "
        + $"{Inspection.Tell(sample.Inspection!.BusyShare)}, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart ({sample.Place.Tell()})");

    private static async Task<Sample> MeasureAsync(Entrant entrant, Load load, Settings settings, int round)
    {
        using var folder = new TestFolder();
        double before = await Near.WaitAsync();
        var its = entrant.In(settings);
        LoadResult result;
        Inspection? inspection = null;
        await using (var contender = entrant.Make())
        {
            var sockets = await contender.StartAsync(folder, its);
            result = await load.RunAsync(folder, sockets, its, async () => inspection = await contender.InspectAsync());
        }
        return new Sample(
            entrant.Name, load.Name, settings.Frames.Name, round, result.Mpps, before, Near.Distance(),
            result.GuestsBusy, result.Lost, result.Changed, inspection);
    }
}
