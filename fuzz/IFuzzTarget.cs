namespace VhostSwitch.Fuzz;

/// <summary>What inputs are given to. Every input is a whole life of a device: nothing is left of it afterwards.</summary>
public interface IFuzzTarget : IDisposable
{
    /// <summary>Its name, also that of its corpus.</summary>
    string Name { get; }

    /// <summary>Inputs to begin with.</summary>
    IReadOnlyList<byte[]> Seeds { get; }

    /// <summary>Runs one input.</summary>
    /// <param name="input">Any bytes.</param>
    /// <exception cref="FuzzFinding">What must always hold does not.</exception>
    void Run(ReadOnlySpan<byte> input);
}

/// <summary>Something that must always hold does not.</summary>
/// <param name="message">What, in one sentence.</param>
public sealed class FuzzFinding(string message) : Exception(message);

/// <summary>The targets by name.</summary>
public static class FuzzTargets
{
    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names { get; } = ["messages", "split", "packed"];

    /// <summary>Makes a target.</summary>
    /// <param name="name">Its name.</param>
    public static IFuzzTarget Make(string name) => name switch
    {
        "messages" => new MessageTarget(),
        "split" => new RingTarget(packed: false),
        "packed" => new RingTarget(packed: true),
        _ => throw new ArgumentOutOfRangeException(nameof(name), $"there is no target {name}"),
    };
}
