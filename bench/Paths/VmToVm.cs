using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>Guest to guest, every contender in turn in every round, so that what the machine does meanwhile happens to all of them.</summary>
internal sealed class VmToVm(Settings settings, int rounds, Action<string> progress)
{
    private static readonly Func<Contender>[] Contenders = [() => new Ours(), () => new TestpmdIo(), () => new OpenVswitchNormal()];
    private const int Attempts = 3;

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
                    var sample = await MeasureNearAsync(make, load, round);
                    samples.Add(sample);
                    progress($"{load.Name}, round {round} of {rounds}: {sample.Contender,-14} {sample.Mpps,7:F2} Mpps, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart{(sample.IsNear ? "" : " (far: not counted)")}");
                }
            }
        }
        string[] others = [.. Contenders.Select(make => make().Name).Where(name => name != OurName)];
        var ratios = from load in Loads from other in others select Ratio.Of(samples, load.Name, OurName, other);
        return new Report(settings, samples, [.. ratios], [.. Contenders.Select(make => make().What), .. Loads.Select(l => $"{l.Name}: {l.What}")], Machine.Describe());
    }

    // The cores of a shared machine move for seconds at a time. A sample that began or ended far is taken again, and shown as what it is.
    private async Task<Sample> MeasureNearAsync(Func<Contender> make, Load load, int round)
    {
        for (int attempt = 1; ; attempt++)
        {
            var sample = await MeasureAsync(make, load, round);
            if (sample.IsNear || attempt == Attempts) return sample;
            progress($"{load.Name}, round {round} of {rounds}: {sample.Contender,-14} {sample.Mpps,7:F2} Mpps, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart (far: again)");
        }
    }

    private async Task<Sample> MeasureAsync(Func<Contender> make, Load load, int round)
    {
        using var folder = new TestFolder();
        double before = await WaitUntilNearAsync();
        await using var contender = make();
        var sockets = await contender.StartAsync(folder, settings.Mergeable);
        Inspection? inspection = null;
        var result = await load.RunAsync(folder, sockets, settings, async () => inspection = await contender.InspectAsync());
        await contender.DisposeAsync();
        double after = CoreDistance.Measure(Contender.SwitchCore, Load.LoadCore);
        return new Sample(contender.Name, load.Name, round, result.Mpps, before, after, result.Lost, result.Changed, inspection);
    }

    private static async Task<double> WaitUntilNearAsync()
    {
        const int Looks = 10;
        double distance = 0;
        for (int look = 0; look < Looks; look++)
        {
            distance = CoreDistance.Measure(Contender.SwitchCore, Load.LoadCore);
            if (distance < CoreDistance.NearNs) break;
            await Task.Delay(TimeSpan.FromSeconds(1));
        }
        return distance;
    }
}
