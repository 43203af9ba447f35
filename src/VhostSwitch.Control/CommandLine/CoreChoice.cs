namespace VhostSwitch.Control.CommandLine;

/// <summary>Which processors poll: what was asked for, cut to what is there.</summary>
/// <param name="PollCores">The processors that poll, ascending; at least one.</param>
/// <param name="ControlCores">The processors for all that does not poll, ascending.</param>
/// <param name="Notice">One line where something was left out; otherwise null.</param>
internal sealed record CoreChoice(IReadOnlyList<int> PollCores, IReadOnlyList<int> ControlCores, string? Notice)
{
    /// <summary>The processor of DPDK's main core: the lowest that was chosen, or that is there where the user chose none.</summary>
    public required int MainCore { get; init; }

    /// <summary>Every processor but the lowest polls; the only one does as well.</summary>
    /// <param name="usual">The processors the program runs on where nobody says otherwise, ascending.</param>
    public static CoreChoice Default(IReadOnlyList<int> usual) =>
        new(usual.Count == 1 ? usual : [.. usual.Skip(1)], usual.Count == 1 ? [] : [usual[0]], null) { MainCore = usual[0] };

    /// <summary>
    /// Chooses one processor for each logical core, a different one for each: two poll threads on one processor would only
    /// wait for each other.
    /// </summary>
    /// <param name="asked">The logical cores that were asked for.</param>
    /// <param name="present">The processors that are present, ascending.</param>
    /// <param name="usual">Of these, those that the program runs on where nobody says otherwise: the others poll where they are asked for, and that is all.</param>
    /// <param name="given">The option as it was given, for messages.</param>
    /// <exception cref="CommandLineException">None of the processors is present.</exception>
    public static CoreChoice Of(IReadOnlyList<LogicalCore> asked, IReadOnlyList<int> present, IReadOnlyList<int> usual, string given)
    {
        var absent = asked.SelectMany(lcore => lcore.Cpus).Except(present).Order().ToList();
        var poll = new SortedSet<int>();
        // Those with the fewest processors to choose from come first, so that the others leave them theirs.
        foreach (var cpus in asked.Select(lcore => lcore.Cpus.Intersect(present).ToList()).OrderBy(cpus => cpus.Count))
        {
            int free = cpus.FindIndex(cpu => !poll.Contains(cpu));
            if (free >= 0) poll.Add(cpus[free]);
        }
        string missing = $"{given}: {CoreText.Cores(absent)} {CoreText.AreNotPresent(absent)}";
        if (poll.Count == 0) throw new CommandLineException($"{missing}; this machine has {CoreText.Cores(present)}");
        string? notice = absent.Count == 0 ? null : $"{missing}, polling on {CoreText.Cores([.. poll])}";
        return new CoreChoice([.. poll], [.. usual.Except(poll)], notice) { MainCore = poll.Min };
    }
}
