using System.CommandLine;

namespace VhostSwitch.Control.CommandLine;

/// <summary>The options of one side of <c>--</c>, with the parser for that side.</summary>
internal abstract class OptionSet
{
    private readonly Command _command;

    // No response files: a name that begins with @ is a name.
    private readonly ParserConfiguration _parser = new() { ResponseFileTokenReplacer = null };

    /// <param name="kind">How messages call these options, for example "EAL option".</param>
    /// <param name="program">The program that has them.</param>
    protected OptionSet(string kind, string program)
    {
        Kind = kind;
        _command = new Command(program);
    }

    /// <summary>How messages call these options.</summary>
    public string Kind { get; }

    /// <summary>The options.</summary>
    public IEnumerable<Option> Options => _command.Options;

    /// <summary>Every name and alias.</summary>
    public IEnumerable<string> Names => _command.Options.SelectMany(option => option.Aliases.Prepend(option.Name));

    /// <summary>Finds the options in the words of a command line; words that belong to no option are left over.</summary>
    public ParseResult Parse(IReadOnlyList<string> words) => _command.Parse(words, _parser);

    /// <summary>True when at least one word is an option of this set.</summary>
    public bool Knows(IReadOnlyList<string> words) =>
        Parse(words).CommandResult.Children.OfType<System.CommandLine.Parsing.OptionResult>().Any(option => option.IdentifierTokenCount > 0);

    /// <summary>True when a word is one of these options, with or without a value behind <c>=</c>.</summary>
    public bool IsName(string word) => Names.Contains(WithoutValue(word));

    /// <summary>Refuses what belongs to no option.</summary>
    /// <param name="result">What <see cref="Parse"/> found.</param>
    /// <param name="otherSide">The options of the other side of <c>--</c>.</param>
    /// <param name="otherSideIs">Where these belong: "before" or "after".</param>
    /// <exception cref="CommandLineException">Something does not belong here.</exception>
    public void RefuseUnknown(ParseResult result, OptionSet otherSide, string otherSideIs)
    {
        if (result.UnmatchedTokens is not [var word, ..]) return;
        if (!word.StartsWith('-')) throw new CommandLineException($"'{word}' belongs to no option");
        string name = WithoutValue(word);
        if (otherSide.IsName(word)) throw new CommandLineException($"{name} is an {otherSide.Kind}: it goes {otherSideIs} '--'");
        throw Unknown(name, this);
    }

    /// <summary>The exception for a name that no option has.</summary>
    /// <param name="word">What was given.</param>
    /// <param name="sets">Where the user may have looked for it.</param>
    public static CommandLineException Unknown(string word, params ReadOnlySpan<OptionSet> sets)
    {
        string name = WithoutValue(word);
        var known = new List<string>();
        foreach (var set in sets)
            known.AddRange(set.Names);
        string kind = sets.Length == 1 ? sets[0].Kind : "option", help = $"(see {sets[0]._command.Name} --help)";
        return new CommandLineException(NearestName.Of(name, known) is { } nearest
            ? $"{name} is not an {kind}; the nearest is {nearest} {help}"
            : $"{name} is not an {kind} {help}");
    }

    /// <summary>Adds an option.</summary>
    protected T Add<T>(T option)
        where T : Option
    {
        _command.Add(option);
        return option;
    }

    private static string WithoutValue(string word) => word.IndexOf('=') is var at and > 0 ? word[..at] : word;
}
