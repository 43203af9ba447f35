using System.CommandLine;

namespace VhostSwitch.Control.CommandLine;

/// <summary>An option without a value.</summary>
internal sealed class FlagOption : Option<bool>
{
    /// <param name="name">The name with its dashes.</param>
    /// <param name="help">What the option does.</param>
    /// <param name="aliases">Other names.</param>
    public FlagOption(string name, string help, params string[] aliases)
        : base(name, aliases)
    {
        Description = help;
        // The parser's own flags take "true" and "false"; DPDK's take nothing.
        Arity = ArgumentArity.Zero;
    }

    /// <summary>True when it was given.</summary>
    public bool IsGiven(ParseResult result) => result.GetResult(this) is { IdentifierTokenCount: > 0 };
}
