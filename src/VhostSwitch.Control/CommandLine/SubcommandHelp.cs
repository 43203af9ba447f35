using System.CommandLine;
using VhostSwitch.Control.FileConfiguration;

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

    /// <summary>Writes the help of <c>ctl</c>, or of the one command of it that is named.</summary>
    /// <param name="words">The words after <c>ctl</c>.</param>
    /// <param name="output">Where to.</param>
    public static void WriteCtl(IReadOnlyList<string> words, TextWriter output)
    {
        if (ConfigCommands.Changes.FirstOrDefault(command => words.Contains(command.Name)) is { } named)
        {
            WriteChange(named, output);
            return;
        }
        Write(CtlCommandLine.Command, "[options] COMMAND [ARGUMENT...]", output);
        output.WriteLine();
        output.WriteLine("Commands of the switch (list-commands names them all):");
        output.WriteLine("  show [--json]           ports with their status, queues, MAC table, poll threads");
        output.WriteLine("  stats [--json]          frames of each device");
        output.WriteLine("  mac-table [--json]      the addresses that are known; also fdb/show");
        output.WriteLine("  exit                    stop the switch");
        output.WriteLine();
        output.WriteLine("Changes of a switch that runs with --config (ctl COMMAND --help has columns and examples):");
        foreach (var command in ConfigCommands.Changes)
        {
            output.WriteLine($"  {command.Synopsis}");
            output.WriteLine($"                          {command.Summary}");
        }
        output.WriteLine($"  {ConfigCommands.Reload}                  take over what was written into the file");
    }

    private static void WriteChange(ConfigCommand command, TextWriter output)
    {
        output.WriteLine($"vhost-switch ctl [options] {command.Synopsis}");
        output.WriteLine($"  {char.ToUpperInvariant(command.Summary[0])}{command.Summary[1..]}.");
        output.WriteLine("  It is done, and kept in the file of --config, when the command ends. Where it cannot be, the command fails");
        output.WriteLine("  with the reason, and everything is as before.");
        output.WriteLine("  More commands may follow, with -- between them: all of them are done, or none.");
        foreach (var table in ConfigCommands.TablesOf(command))
        {
            output.WriteLine();
            output.WriteLine($"Columns of {(table.HasName ? "a " : "")}{table.Word} (table {string.Join(" and ", table.DatabaseTables)}):");
            foreach (var column in table.Columns)
            {
                foreach (var key in column.Keys)
                    HelpText.Row(output, $"  {column.Name}:{key.Name}", key.Type.Allowed);
                string several = column.Shape == ConfigShape.Set ? "; several with commas between them" : "";
                if (column.Shape != ConfigShape.Map) HelpText.Row(output, $"  {column.Name}", column.Type.Allowed + several);
            }
        }
        output.WriteLine();
        output.WriteLine("Examples:");
        foreach (string example in command.Examples)
            output.WriteLine($"  vhost-switch ctl {command.Name} {example}");
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
