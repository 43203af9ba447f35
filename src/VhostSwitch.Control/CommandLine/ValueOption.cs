using System.CommandLine;

namespace VhostSwitch.Control.CommandLine;

/// <summary>
/// An option with a value. The parser only finds the text, since DPDK has its own messages for values that do not fit; given
/// several times, the last one counts, as with DPDK.
/// </summary>
internal sealed class ValueOption : Option<string[]>
{
    // More than a command line can hold: System.CommandLine needs a number.
    private const int AnyNumber = 100_000;

    /// <param name="name">The name with its dashes.</param>
    /// <param name="valueName">What stands for the value in the help.</param>
    /// <param name="help">What the option does, with units and default.</param>
    /// <param name="aliases">Other names.</param>
    public ValueOption(string name, string valueName, string help, params string[] aliases)
        : base(name, aliases)
    {
        HelpName = valueName;
        Description = help;
        AllowMultipleArgumentsPerToken = false;
        // At least 0, so that this class and not the parser says that a value is missing.
        Arity = new ArgumentArity(0, AnyNumber);
    }

    /// <summary>True for options whose value may be left out.</summary>
    public bool ValueIsOptional { get; init; }

    /// <summary>Offers values to shell completion.</summary>
    public ValueOption Suggest(params string[] values)
    {
        CompletionSources.Add(values);
        return this;
    }

    /// <summary>The values in the order given; none when the option was not.</summary>
    /// <exception cref="CommandLineException">The option was given without its value.</exception>
    public IReadOnlyList<string> All(ParseResult result)
    {
        if (result.GetResult(this) is not { } found) return [];
        if (found.Tokens.Count < found.IdentifierTokenCount && !ValueIsOptional)
            throw new CommandLineException($"{Given(result)} needs a value: {Given(result)} {HelpName}");
        return [.. found.Tokens.Select(token => token.Value)];
    }

    /// <summary>The value that counts; null when the option was not given.</summary>
    /// <exception cref="CommandLineException">The option was given without its value.</exception>
    public string? Last(ParseResult result) => All(result).LastOrDefault();

    /// <summary>True when it was given.</summary>
    public bool IsGiven(ParseResult result) => result.GetResult(this) is { IdentifierTokenCount: > 0 };

    /// <summary>The name by which it was given.</summary>
    public string Given(ParseResult result) => result.GetResult(this)?.IdentifierToken?.Value ?? Name;
}
