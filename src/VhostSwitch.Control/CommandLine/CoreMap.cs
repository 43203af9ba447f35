using VhostSwitch.Linux;

namespace VhostSwitch.Control.CommandLine;

/// <summary>One logical core of DPDK and the processors it may run on.</summary>
/// <param name="Lcore">Its number.</param>
/// <param name="Cpus">Processor numbers, ascending.</param>
internal sealed record LogicalCore(int Lcore, IReadOnlyList<int> Cpus);

/// <summary>
/// The value of <c>-l</c> and <c>--lcores</c>: <c>LCORES[@CPUS]</c>, separated by commas. Each side is a number, a range
/// <c>1-3</c>, or a group of both in parentheses. Without <c>@</c> a number or range runs on the processors of the same
/// numbers, each on its own, and every core of a group on any processor of the group.
/// </summary>
internal sealed class CoreMap
{
    private readonly string _option;
    private readonly string _text;
    private int _at;

    private CoreMap(string option, string text) => (_option, _text) = (option, text);

    /// <summary>Reads a map.</summary>
    /// <param name="option">The option's name, for messages.</param>
    /// <param name="text">For example <c>0,2-3</c> or <c>0@1,(1-3)@(4,6)</c>.</param>
    /// <returns>The logical cores by ascending number; of one that is named twice the last counts, as with DPDK. At least one.</returns>
    /// <exception cref="CommandLineException">The word does not follow the grammar.</exception>
    public static IReadOnlyList<LogicalCore> Parse(string option, string text) => new CoreMap(option, text).ReadMap();

    private IReadOnlyList<LogicalCore> ReadMap()
    {
        var map = new SortedDictionary<int, LogicalCore>();
        do
        {
            var lcores = ReadSet(out bool isGroup);
            bool isMapped = Skip('@');
            var cpus = isMapped ? ReadSet(out _) : lcores;
            foreach (int lcore in lcores)
                map[lcore] = new LogicalCore(lcore, isMapped || isGroup ? cpus : [lcore]);
        }
        while (Skip(','));
        if (Peek() != '\0') throw Bad();
        return [.. map.Values];
    }

    private int[] ReadSet(out bool isGroup)
    {
        var numbers = new SortedSet<int>();
        isGroup = Skip('(');
        do
            ReadRange(numbers);
        while (isGroup && Skip(','));
        if (isGroup && !Skip(')')) throw Bad();
        return [.. numbers];
    }

    private void ReadRange(SortedSet<int> numbers)
    {
        int first = ReadNumber();
        int last = Skip('-') ? ReadNumber() : first;
        // Either way round, as with DPDK.
        for (int i = Math.Min(first, last); i <= Math.Max(first, last); i++)
            numbers.Add(i);
    }

    private int ReadNumber()
    {
        _ = Peek();
        int start = _at;
        while (_at < _text.Length && char.IsAsciiDigit(_text[_at]))
            _at++;
        if (start == _at) throw Bad();
        if (DpdkNumber.TryRead(_text[start.._at], CpuAffinity.MaxCpus - 1, out int number)) return number;
        throw new CommandLineException($"Invalid argument for {_option}: cores are numbered 0 to {CpuAffinity.MaxCpus - 1}, '{_text}' was given");
    }

    private bool Skip(char c)
    {
        if (Peek() != c) return false;
        _at++;
        return true;
    }

    // The next character that is not a blank; zero at the end.
    private char Peek()
    {
        while (_at < _text.Length && _text[_at] == ' ')
            _at++;
        return _at < _text.Length ? _text[_at] : '\0';
    }

    private CommandLineException Bad() =>
        new($"Invalid argument for {_option}: '{_text}' was given, a list such as 0,2-3 or a map such as 0@1,(1-3)@(4,6) is allowed");
}
