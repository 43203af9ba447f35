using System.CommandLine;

namespace VhostSwitch.Control.CommandLine;

/// <summary>Help and unknown words, the same for every subcommand.</summary>
public static class SubcommandHelp
{
    private static readonly string[] Words = ["--help", "-h", "-?"];

    /// <summary>True when one of the words asks for help.</summary>
    /// <param name="words">The words after the subcommand.</param>
    public static bool IsAskedFor(IReadOnlyList<string> words) => words.Any(word => Words.Contains(word));

    /// <summary>Writes the help of <c>demo</c>.</summary>
    /// <param name="output">Where to.</param>
    public static void WriteDemo(TextWriter output) => Write(DemoCommandLine.Command, "[options]", output);

    /// <summary>Writes the help of <c>ctl</c>.</summary>
    /// <param name="output">Where to.</param>
    public static void WriteCtl(TextWriter output)
    {
        Write(CtlCommandLine.Command, "[options] COMMAND [ARGUMENT...]", output);
        output.WriteLine();
        output.WriteLine("Commands of the switch (list-commands names them all):");
        output.WriteLine("  show [--json]           ports with their status, queues, MAC table, poll threads");
        output.WriteLine("  stats [--json]          frames of each device");
        output.WriteLine("  mac-table [--json]      the addresses that are known; also fdb/show");
        output.WriteLine("  exit                    stop the switch");
    }

    /// <summary>Refuses words that belong to no option.</summary>
    internal static void RefuseUnknown(Command command, ParseResult result)
    {
        if (result.UnmatchedTokens is not [var word, ..]) return;
        var names = command.Options.SelectMany(option => option.Aliases.Prepend(option.Name));
        throw new CommandLineException(word.StartsWith('-') && NearestName.Of(word.Split('=')[0], names) is { } nearest
            ? $"{word} is no option of {command.Name}; the nearest is {nearest}"
            : $"'{word}' belongs to no option of {command.Name}");
    }

    private static void Write(Command command, string words, TextWriter output)
    {
        output.WriteLine($"vhost-switch {command.Name} {words}");
        output.WriteLine("  " + command.Description);
        output.WriteLine();
        foreach (var option in command.Options)
        {
            string label = $"  {string.Join(", ", option.Aliases.Prepend(option.Name))}{(option is ValueOption ? " " + option.HelpName : "")}";
            output.WriteLine($"{label,-30}{option.Description}");
        }
    }
}
