using VhostSwitch.Ports;

namespace VhostSwitch.Testpmd.Prompt;

/// <summary>All commands of the prompt, and how a line finds its own.</summary>
internal sealed class CommandTable
{
    // A file of commands may load another; one that loads itself would never end.
    private const int DeepestLoad = 8;

    private readonly Session _session;
    private readonly List<PromptCommand> _commands = [];
    private int _loads;

    /// <summary>Makes the table.</summary>
    /// <param name="session">What commands act on.</param>
    public CommandTable(Session session)
    {
        _session = session;
        Add("control", "start", "start forwarding", _ => session.Start(0));
        Add("control", "start tx_first [BURSTS]", "send bursts of txonly's frames (1) by each stream, then start forwarding", StartTransmitting);
        Add("control", "stop", "stop forwarding and print what was forwarded", _ => session.Stop());
        Add("control", "quit", "stop, close all ports and end", _ => session.Quit());
        Add("control", "help [SECTION]", "say what commands there are", Help);
        Add("control", "load FILE", "carry out the commands of a file", words => Load(words[0]));
        new DisplayCommands(session).AddTo(_commands);
        new SettingCommands(session).AddTo(_commands);
        new PortCommands(session).AddTo(_commands);
        new ChecksumCommands(session).AddTo(_commands);
    }

    /// <summary>The commands.</summary>
    public IReadOnlyList<PromptCommand> Commands => _commands;

    /// <summary>Carries out a line. What is wrong with it is printed.</summary>
    /// <param name="line">The line; what follows <c>#</c> is no part of it.</param>
    public void Run(string line)
    {
        string[] words = Words(line);
        if (words.Length == 0) return;
        try
        {
            foreach (var command in _commands)
            {
                if (command.Match(words) is not { } values) continue;
                command.Run(values);
                return;
            }
            _session.Output.WriteLine(Explain(words));
        }
        catch (Exception e) when (e is TestpmdException or PortException)
        {
            _session.Output.WriteLine(e.Message);
        }
    }

    /// <summary>Carries out the commands of a file, until one of them is <c>quit</c>.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="TestpmdException">It cannot be read.</exception>
    public void Load(string path)
    {
        if (_loads == DeepestLoad)
            throw new TestpmdException($"load {path}: files of commands load each other {DeepestLoad} deep; does one load itself?");
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TestpmdException($"{path} cannot be read: {e.Message}");
        }
        _loads++;
        foreach (string line in lines)
        {
            if (!_session.HasQuit) Run(line);
        }
        _loads--;
        _session.Output.WriteLine($"Read CLI commands from {path}");
    }

    /// <summary>The words that may end a line.</summary>
    /// <param name="line">The line up to the cursor.</param>
    public IReadOnlyList<string> Suggest(string line)
    {
        string[] words = Words(line);
        bool begun = words.Length > 0 && !line.EndsWith(' ');
        string typed = begun ? words[^1] : "";
        string[] before = begun ? words[..^1] : words;
        return [.. _commands.SelectMany(command => command.Next(before)).Where(word => word.StartsWith(typed, StringComparison.Ordinal)).Distinct()
            .Order(StringComparer.Ordinal)];
    }

    private static string[] Words(string line) => line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private void Add(string section, string pattern, string help, Action<string[]> run) =>
        _commands.Add(new PromptCommand(section, pattern, help, run));

    // The first words are DPDK's, which scripts look for.
    private string Explain(string[] words)
    {
        for (int known = words.Length; known > 0; known--)
        {
            string[] near = [.. _commands.Where(command => command.BeginsLike(words, known)).Select(command => command.Pattern)];
            if (near.Length > 0) return $"Bad arguments: {string.Join(" ", words)}; there is\n  {string.Join("\n  ", near)}";
        }
        return $"Command not found: {words[0]}; type help";
    }

    private void StartTransmitting(string[] words)
    {
        const int Most = 1 << 20;
        _session.Start(words[0].Length == 0 ? 1 : CommandLine.Numbers.Read(words[0], "number of bursts", 1, Most));
    }

    private void Help(string[] words)
    {
        string[] sections = [.. _commands.Select(command => command.Section).Distinct()];
        if (words[0].Length > 0 && words[0] != "all" && !sections.Contains(words[0]))
            throw new TestpmdException($"there is no section {words[0]}: {string.Join(", ", sections)} or all");
        foreach (string section in sections)
        {
            if (words[0] is not ("" or "all") && words[0] != section) continue;
            _session.Output.WriteLine($"\n{section}:");
            foreach (var command in _commands.Where(command => command.Section == section))
                _session.Output.WriteLine($"  {command.Pattern,-62} {command.Help}");
        }
        _session.Output.WriteLine("\nPORTS is a number or all.");
    }
}
