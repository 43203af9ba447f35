namespace VhostSwitch.Fuzz;

/// <summary>The inputs that reached something new, kept as a text file: a line each, in base 64.</summary>
internal static class Corpus
{
    public static string FileOf(string folder, string target) => Path.Combine(folder, target + ".txt");

    public static List<byte[]> Load(string folder, string target)
    {
        string file = FileOf(folder, target);
        return File.Exists(file) ? [.. File.ReadLines(file).Where(l => l.Length > 0).Select(Convert.FromBase64String)] : [];
    }

    public static void Save(string folder, string target, IEnumerable<byte[]> inputs)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllLines(FileOf(folder, target), inputs.Select(Convert.ToBase64String));
    }
}
