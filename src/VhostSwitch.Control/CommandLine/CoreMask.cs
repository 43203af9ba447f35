using VhostSwitch.Linux;

namespace VhostSwitch.Control.CommandLine;

/// <summary>The value of <c>-c</c>, and of Open vSwitch's <c>pmd-cpu-mask</c>: a hexadecimal number whose bits are cores.</summary>
public static class CoreMask
{
    /// <summary>Reads a mask.</summary>
    /// <param name="text">For example <c>f</c> or <c>0x5</c>.</param>
    /// <param name="option">Whose value it is, for messages.</param>
    /// <returns>The cores, ascending; at least one.</returns>
    /// <exception cref="CommandLineException">The word is no such number, has no bit, or one beyond the cores this program counts.</exception>
    public static IReadOnlyList<int> Parse(string text, string option = "-c")
    {
        string digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text;
        if (digits.Length == 0 || !digits.All(char.IsAsciiHexDigit))
            throw new CommandLineException($"Invalid argument for {option}: '{text}' was given, a hexadecimal core mask such as f or 0x3 is allowed");
        var cores = new List<int>();
        for (int i = 0; i < digits.Length; i++)
        {
            int nibble = Convert.ToInt32(digits[^(i + 1)].ToString(), 16);
            for (int bit = 0; bit < 4; bit++)
            {
                if ((nibble >> bit & 1) != 0) cores.Add((4 * i) + bit);
            }
        }
        if (cores.Count == 0) throw new CommandLineException($"Invalid argument for {option}: '{text}' chooses no core");
        if (cores[^1] >= CpuAffinity.MaxCpus)
            throw new CommandLineException($"Invalid argument for {option}: cores are numbered 0 to {CpuAffinity.MaxCpus - 1}");
        return cores;
    }
}
