namespace VhostSwitch.Control.CommandLine;

/// <summary>A first word without a dash chooses what the program does.</summary>
public enum Subcommand
{
    /// <summary>None: run the switch.</summary>
    Run,

    /// <summary><c>demo</c>.</summary>
    Demo,

    /// <summary><c>ctl</c>.</summary>
    Ctl,

    /// <summary><c>completion</c>.</summary>
    Completion,

    /// <summary><c>help</c>.</summary>
    Help,

    /// <summary>A completion script asks, by <c>[suggest:POSITION]</c>.</summary>
    Suggest,
}

/// <summary>Tells the subcommands apart.</summary>
public static class Subcommands
{
    private static readonly Dictionary<string, Subcommand> ByName = new(StringComparer.Ordinal)
    {
        ["demo"] = Subcommand.Demo,
        ["ctl"] = Subcommand.Ctl,
        ["completion"] = Subcommand.Completion,
        ["help"] = Subcommand.Help,
    };

    /// <summary>Chooses by the first word.</summary>
    /// <param name="words">The words after the program's name.</param>
    /// <returns>The subcommand, and the words that belong to it.</returns>
    /// <exception cref="CommandLineException">The first word has no dash and is no subcommand.</exception>
    public static (Subcommand Subcommand, IReadOnlyList<string> Words) Of(IReadOnlyList<string> words)
    {
        if (ShellCompletion.IsAskedFor(words)) return (Subcommand.Suggest, words);
        if (words.Count == 0 || words[0].StartsWith('-')) return (Subcommand.Run, words);
        if (ByName.TryGetValue(words[0], out var subcommand)) return (subcommand, [.. words.Skip(1)]);
        throw new CommandLineException(
            $"'{words[0]}' is no subcommand; the nearest is {NearestName.Of(words[0], ByName.Keys)} (see vhost-switch --help)");
    }
}
