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

    /// <inheritdoc cref="Contender.WhyNot"/>
    public string? WhyNot(Settings settings) => Make().WhyNot(In(settings));

    /// <summary>One line for the report.</summary>
    public string Describe(Settings settings) => Make().Describe(In(settings));
}
