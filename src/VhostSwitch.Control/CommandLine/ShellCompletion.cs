using System.CommandLine;
using System.Globalization;

namespace VhostSwitch.Control.CommandLine;

/// <summary>
/// Completion for shells. The scripts ask the program itself, by System.CommandLine's <c>[suggest:POSITION] LINE</c>, so
/// that they never fall behind.
/// </summary>
public static class ShellCompletion
{
    private const string Directive = "[suggest";

    private const string Bash = """
        # vhost-switch completion for bash. Load it with: source <(vhost-switch completion bash)
        _vhost_switch()
        {
            local words
            words=$("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null) || return
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
        }
        complete -o default -F _vhost_switch vhost-switch

        """;

    private const string Zsh = """
        #compdef vhost-switch
        # vhost-switch completion for zsh. Load it with: source <(vhost-switch completion zsh)
        _vhost_switch()
        {
            local -a choices
            choices=("${(@f)$("${words[1]}" "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
            compadd -- $choices || _files
        }
        compdef _vhost_switch vhost-switch

        """;

    /// <summary>The script that <c>vhost-switch completion SHELL</c> prints.</summary>
    /// <param name="words">The words after <c>completion</c>: <c>bash</c> or <c>zsh</c>.</param>
    /// <exception cref="CommandLineException">The words name no such shell.</exception>
    public static string Script(IReadOnlyList<string> words) => words switch
    {
        ["bash"] => Bash,
        ["zsh"] => Zsh,
        _ => throw new CommandLineException("completion needs the name of a shell: vhost-switch completion bash, or zsh"),
    };

    /// <summary>True when the words come from a completion script.</summary>
    /// <param name="words">The words after the program's name.</param>
    public static bool IsAskedFor(IReadOnlyList<string> words) =>
        words is [var first, ..] && first.StartsWith(Directive, StringComparison.Ordinal) && first.EndsWith(']');

    /// <summary>The words that may come next.</summary>
    /// <param name="request">The directive with the cursor's position in characters, and the line so far.</param>
    public static IReadOnlyList<string> Suggest(IReadOnlyList<string> request)
    {
        string line = request.Count > 1 ? request[1] : "";
        string number = request[0][Directive.Length..].TrimStart(':').TrimEnd(']');
        if (int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int cursor) && cursor < line.Length) line = line[..cursor];

        // The parser takes "--" for the end of all options; here other options begin.
        const string separator = " -- ";
        int at = line.IndexOf(separator, StringComparison.Ordinal);
        var root = at < 0 ? Whole() : Side("vhost-switch", new ApplicationOptions());
        if (at >= 0) line = "vhost-switch " + line[(at + separator.Length)..];
        // The parser also offers words that have the typed letters in their middle.
        string typed = line[(line.LastIndexOf(' ') + 1)..];
        var words = root.Parse(line).GetCompletions(line.Length).Select(item => item.Label);
        return [.. words.Where(word => word.StartsWith(typed, StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal)];
    }

    private static Command Whole()
    {
        var root = Side("vhost-switch", new EalOptions());
        // Without EAL options the "--" may be left out.
        foreach (var option in new ApplicationOptions().Options)
            root.Add(option);
        root.Add(DemoCommandLine.Command);
        root.Add(CtlCommandLine.Command);
        root.Add(new Command("completion") { ShellArgument() });
        root.Add(new Command("help"));
        return root;
    }

    private static Command Side(string name, OptionSet options)
    {
        var side = new Command(name);
        foreach (var option in options.Options)
            side.Add(option);
        return side;
    }

    private static Argument<string> ShellArgument()
    {
        var shell = new Argument<string>("SHELL");
        shell.CompletionSources.Add("bash", "zsh");
        return shell;
    }
}
