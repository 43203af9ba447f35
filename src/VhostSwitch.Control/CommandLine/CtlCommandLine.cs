using System.CommandLine;
using System.CommandLine.Completions;
using VhostSwitch.Control.FileConfiguration;

namespace VhostSwitch.Control.CommandLine;

/// <summary>Reads <c>vhost-switch ctl [options] COMMAND [ARGUMENT...]</c>.</summary>
public static class CtlCommandLine
{
    private static readonly string[] KnownCommands = ["show", "stats", "mac-table", "list-commands", "version", "exit", .. ConfigCommands.Names];

    private const string Separator = "--";

    private static readonly ValueOption Socket = new("--socket", "PATH", "The control socket. Default: that of --file-prefix in the default places.",
        "-t", "--target");
    private static readonly ValueOption Prefix = new("--file-prefix", "NAME",
        $"Which switch, where several run. Default: {SwitchConfiguration.DefaultFilePrefix}.");
    private static readonly ValueOption Timeout = new("--timeout", "S",
        $"Seconds to wait for an answer. Default: {CtlOptions.DefaultTimeoutSeconds}.", "-T");
    private static readonly Argument<string[]> Words = MakeWords();

    /// <summary>The parser, also for <c>--help</c> and completion.</summary>
    internal static Command Command { get; } = new("ctl",
        "Asks a running switch. Words that are no option here go to the switch as they are.")
    {
        Socket, Prefix, Timeout, Words,
    };

    /// <summary>Reads the options.</summary>
    /// <param name="words">The words after <c>ctl</c>.</param>
    /// <returns>The options; null when the user asked for help, which <see cref="SubcommandHelp"/> prints.</returns>
    /// <exception cref="CommandLineException">No command is given, or a value does not fit.</exception>
    public static CtlOptions? Parse(IReadOnlyList<string> words)
    {
        if (SubcommandHelp.IsAskedFor(words)) return null;
        // Behind "--" a second command follows, which goes to the switch with it.
        int end = words.TakeWhile(word => word != Separator).Count();
        var result = Command.Parse([.. words.Take(end)], new ParserConfiguration { ResponseFileTokenReplacer = null });
        string[] command = [.. WithNameFirst(result.GetValue(Words) ?? []), .. words.Skip(end)];
        if (command.Length == 0) throw new CommandLineException("ctl needs a command, for example: vhost-switch ctl show");
        if (command[0].StartsWith('-'))
        {
            throw new CommandLineException(
                $"{command[0]} is no option of ctl; the command comes first, for example: vhost-switch ctl show {command[0]}");
        }
        string prefix = Prefix.Last(result) ?? SwitchConfiguration.DefaultFilePrefix;
        FilePrefix.Check(prefix);
        int timeout = DpdkNumber.Read(Timeout.Last(result), CtlOptions.DefaultTimeoutSeconds, "--timeout", 86400, " seconds");
        if (timeout == 0) throw new CommandLineException("Invalid argument for --timeout: at least 1 second is allowed");
        return new CtlOptions(Socket.Last(result), prefix, timeout, command[0], command[1..]);
    }

    // ovs-vsctl has its options before the command.
    private static IEnumerable<string> WithNameFirst(string[] words)
    {
        var options = words.TakeWhile(word => word is ConfigEdit.MayExist or ConfigEdit.IfExists).ToList();
        return options.Count == 0 || options.Count == words.Length ? words
            : [words[options.Count], .. options, .. words.Skip(options.Count + 1)];
    }

    private static Argument<string[]> MakeWords()
    {
        var words = new Argument<string[]>("COMMAND") { Arity = ArgumentArity.ZeroOrMore };
        words.CompletionSources.Add(context => Suggest(context.ParseResult.GetValue(words) ?? []).Select(word => new CompletionItem(word)));
        return words;
    }

    // The last of the words is the one that is being written, or the one before it.
    private static IEnumerable<string> Suggest(string[] words) =>
        words.Length < 2 ? [.. KnownCommands, .. ConfigCommands.Suggest(words)] : ConfigCommands.Suggest(words);
}
