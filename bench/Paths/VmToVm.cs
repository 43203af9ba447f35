using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>Guest to guest, every contender in turn in every round, so that what the machine does meanwhile happens to all of them.</summary>
internal sealed class VmToVm(Settings settings, int rounds, Action<string> progress)
{
    private static readonly Func<Contender>[] Contenders = [() => new Ours(), () => new TestpmdIo(), () => new OpenVswitchNormal()];

    private static readonly Load[] Loads = [new TestpmdLoad(), new LeanLoad()];

    public static string OurName { get; } = new Ours().Name;

    /// <summary>Runs everything.</summary>
    public async Task<Report> RunAsync()
    {
        var samples = new List<Sample>();
        foreach (var load in Loads)
        {
            for (int round = 1; round <= rounds; round++)
            {
                foreach (var make in Contenders)
                {
                    int now = round;
                    var sample = await Near.MeasureAsync(() => MeasureAsync(make, load, now), far => Tell(far, " (far: again)"));
                    samples.Add(sample);
                    Tell(sample, sample.IsNear ? "" : " (far: not counted)");
                }
            }
        }
        string[] others = [.. Contenders.Select(make => make().Name).Where(name => name != OurName)];
        var ratios = from load in Loads from other in others
                     select Ratio.Of(samples.Where(s => s.Load == load.Name), load.Name, OurName, other, (a, b) => a.Mpps / b.Mpps);
        return new Report(settings, samples, [.. ratios], [.. Contenders.Select(make => make().What), .. Loads.Select(l => $"{l.Name}: {l.What}")], Machine.Describe());
    }

    private void Tell(Sample sample, string place) => progress(
        $"{sample.Load}, round {sample.Round} of {rounds}: {sample.Contender,-14} {sample.Mpps,7:F2} Mpps, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart{place}");

    private async Task<Sample> MeasureAsync(Func<Contender> make, Load load, int round)
    {
        using var folder = new TestFolder();
        double before = await Near.WaitAsync();
        await using var contender = make();
        var sockets = await contender.StartAsync(folder, settings.Mergeable);
        Inspection? inspection = null;
        var result = await load.RunAsync(folder, sockets, settings, async () => inspection = await contender.InspectAsync());
        await contender.DisposeAsync();
        double after = Near.Distance();
        return new Sample(contender.Name, load.Name, round, result.Mpps, before, after, result.Lost, result.Changed, inspection);
    }
}
