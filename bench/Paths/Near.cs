namespace VhostSwitch.Bench.Paths;

/// <summary>A measurement that says where the cores were.</summary>
internal interface ISample
{
    /// <summary>Its name.</summary>
    string Contender { get; }

    /// <summary>Samples of a round follow each other directly.</summary>
    int Round { get; }

    /// <summary>Where the cores were.</summary>
    Placement Place { get; }
}

/// <summary>Measurements with the cores near each other, on a machine where they move for seconds at a time.</summary>
internal static class Near
{
    private const int Attempts = 3;
    private const int Looks = 10;

    /// <summary>Measures; a sample that began or ended far is taken again, and in the end shown as what it is.</summary>
    /// <param name="measure">Takes a sample.</param>
    /// <param name="again">Told of one that is taken again.</param>
    /// <param name="attempts">How often at most.</param>
    public static async Task<T> MeasureAsync<T>(Func<Task<T>> measure, Action<T> again, int attempts = Attempts)
        where T : ISample
    {
        for (int attempt = 1; ; attempt++)
        {
            var sample = await measure();
            if (sample.Place == Placement.Near || attempt == attempts) return sample;
            again(sample);
        }
    }

    /// <summary>Measures every entrant in turn in every round, so that what the machine does meanwhile happens to all.</summary>
    /// <param name="rounds">How often.</param>
    /// <param name="entrants">Whom.</param>
    /// <param name="measure">Measures one in a round.</param>
    /// <param name="tell">Told of each sample, those that are taken again too.</param>
    public static async Task<List<T>> InTurnAsync<TEntrant, T>(
        int rounds, IReadOnlyList<TEntrant> entrants, Func<TEntrant, int, Task<T>> measure, Action<T> tell)
        where T : ISample
    {
        var samples = new List<T>();
        for (int round = 1; round <= rounds; round++)
        {
            foreach (var entrant in entrants)
            {
                int now = round;
                var sample = await MeasureAsync(() => measure(entrant, now), tell);
                samples.Add(sample);
                tell(sample);
            }
        }
        return samples;
    }

    /// <summary>Waits some seconds for the cores to be near.</summary>
    /// <inheritdoc cref="CoreDistance.Measure"/>
    /// <returns>How far they are, in nanoseconds one way.</returns>
    public static async Task<double> WaitAsync(bool besideOthers = false)
    {
        double distance = 0;
        for (int look = 0; look < Looks; look++)
        {
            distance = Distance(besideOthers);
            if (distance < CoreDistance.NearNs) break;
            await Task.Delay(TimeSpan.FromSeconds(1));
        }
        return distance;
    }

    /// <summary>How far the switch's core and the guests' are, in nanoseconds one way.</summary>
    public static double Distance(bool besideOthers = false) => CoreDistance.Measure(Contender.SwitchCore, Load.LoadCore, besideOthers);
}
