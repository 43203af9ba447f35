namespace VhostSwitch.Control.CommandLine;

/// <summary>The words and numbers for <see cref="LogLevel"/>.</summary>
internal static class LogLevels
{
    /// <summary>The words, most important first.</summary>
    public static readonly string[] Names = [.. Enum.GetValues<LogLevel>().Select(level => level.ToString().ToLowerInvariant())];

    /// <summary>Reads a level.</summary>
    /// <param name="text">A word or a number.</param>
    /// <param name="given">The whole value of the option, for the message.</param>
    /// <exception cref="CommandLineException">It is neither.</exception>
    public static LogLevel Parse(string text, string given)
    {
        if (DpdkNumber.TryRead(text, (int)LogLevel.Debug, out int number) && number > 0) return (LogLevel)number;
        int index = Array.IndexOf(Names, text.ToLowerInvariant());
        if (index >= 0) return (LogLevel)(index + 1);
        throw new CommandLineException($"Invalid argument for --log-level: '{given}' was given, 1 to 8 or {string.Join(", ", Names)} is allowed");
    }
}
