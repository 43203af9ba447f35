using System.CommandLine;

namespace VhostSwitch.Control.CommandLine;

/// <summary>What a command line asks for.</summary>
public abstract record SwitchRequest
{
    private SwitchRequest()
    {
    }

    /// <summary>Print <see cref="HelpText"/>.</summary>
    public sealed record Help : SwitchRequest;

    /// <summary>Print <see cref="ProductVersion.Line"/>.</summary>
    public sealed record Version : SwitchRequest;

    /// <summary>Run the switch.</summary>
    /// <param name="Configuration">How.</param>
    /// <param name="Notices">Lines that tell the user what was done otherwise than it was written, in no need of an answer.</param>
    public sealed record Run(SwitchConfiguration Configuration, IReadOnlyList<string> Notices) : SwitchRequest;
}

/// <summary>Reads <c>vhost-switch [EAL options] -- [application options]</c>.</summary>
public static class SwitchCommandLine
{
    private const string Separator = "--";

    /// <summary>Reads the command line of the switch itself, without a subcommand.</summary>
    /// <param name="words">The words after the program's name.</param>
    /// <param name="coresPresent">The processors that this process may use, ascending; at least one.</param>
    /// <param name="coresUsual">Of these, those that it runs on where nobody says otherwise; null for all of them.</param>
    /// <exception cref="CommandLineException">It cannot be carried out.</exception>
    public static SwitchRequest Parse(IReadOnlyList<string> words, IReadOnlyList<int> coresPresent, IReadOnlyList<int>? coresUsual = null)
    {
        var eal = new EalOptions();
        var application = new ApplicationOptions();
        var (before, after) = Split(words, eal, application);
        if (before.Concat(after).Any(word => word is "--help" or "-h" or "-?")) return new SwitchRequest.Help();
        if (before.Concat(after).Any(word => word is "--version")) return new SwitchRequest.Version();

        ParseResult ealResult = eal.Parse(before), applicationResult = application.Parse(after);
        eal.RefuseUnknown(ealResult, application, "after");
        application.RefuseUnknown(applicationResult, eal, "before");
        var notices = new List<string>();
        var configuration = application.Read(applicationResult, eal.Read(ealResult, coresPresent, coresUsual ?? coresPresent, notices), notices);
        return new SwitchRequest.Run(configuration, notices);
    }

    /// <summary>Cuts a command line at its <c>--</c>, which may be missing where all options are of one side.</summary>
    private static (IReadOnlyList<string> Eal, IReadOnlyList<string> Application) Split(
        IReadOnlyList<string> words, EalOptions eal, ApplicationOptions application)
    {
        int at = words.TakeWhile(word => word != Separator).Count();
        if (at < words.Count) return ([.. words.Take(at)], [.. words.Skip(at + 1)]);
        bool hasEal = eal.Knows(words), hasApplication = application.Knows(words);
        if (hasEal && hasApplication)
        {
            throw new CommandLineException(
                "'--' is missing between the EAL options and the application options: vhost-switch [EAL options] -- [application options]");
        }
        if (hasEal) return (words, []);
        // An option that is known on neither side may be meant for either.
        if (!hasApplication && words.FirstOrDefault(word => word.StartsWith('-')) is { } unknown && !IsQuestion(unknown))
            throw OptionSet.Unknown(unknown, eal, application);
        return ([], words);
    }

    private static bool IsQuestion(string word) => word is "--help" or "-h" or "-?" or "--version";
}
